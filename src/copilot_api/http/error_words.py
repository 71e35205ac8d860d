"""The words by which clients know what to do about an error (upstream.md 8.3, 8.6)."""

from __future__ import annotations

from copilot_api.gateway.errors import GatewayError

_LONGEST_WAIT = 366 * 24 * 3600


def openai(tokens: int, limit: int) -> str:
    """Say that a prompt is too long, as OpenAI does."""
    return (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} "
        "tokens. Please reduce the length of the messages."
    )


def anthropic(tokens: int, limit: int) -> str:
    """Say it so that Claude Code compacts: the words and their order count."""
    return f"prompt is too long: {tokens} tokens > {limit} maximum"


def gemini(tokens: int, limit: int) -> str:
    """Say it as Google does."""
    return f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit})."


def ollama(tokens: int, limit: int) -> str:
    """Say it plainly."""
    return f"the input of {tokens} tokens exceeds the context length of {limit} tokens"


def unknown_model(name: str) -> str:
    """Say that there is no such model; all dialects' clients print it."""
    return f'model "{name[:200]}" not found; `copilot-api models` lists those of your account'


def with_times(error: GatewayError, retry_after: str) -> str:
    """Return the error's message, and when it is worth trying again if upstream told."""
    seconds = seconds_of(retry_after)
    if error.resets_at is not None and error.status in (402, 429):
        from datetime import UTC, datetime

        when = datetime.fromtimestamp(error.resets_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"{error.message} (resets at {when})"
    if seconds is not None and error.status == 429 and "try again in" not in error.message.lower():
        return f"{error.message.rstrip('.')}. Please try again in {seconds}s."
    return error.message


def seconds_of(retry_after: str) -> int | None:
    """Read a ``retry-after`` of seconds; dates are left to the header."""
    text = retry_after.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return min(int(text[:12]), _LONGEST_WAIT)
