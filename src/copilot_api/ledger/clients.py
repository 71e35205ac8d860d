"""Which program asks, by its User-Agent (as recorded from each: clients.md)."""

from __future__ import annotations

_FAMILIES = (
    ("claude-cli", "Claude Code"),
    ("claude-code", "Claude Code"),
    ("codex", "Codex"),
    ("geminicli", "Gemini CLI"),
    ("gemini-cli", "Gemini CLI"),
    ("opencode", "opencode"),
    ("aider", "aider"),
    ("litellm", "LiteLLM"),
    ("langchain", "LangChain"),
    ("cline", "Cline"),
    ("roocode", "Roo Code"),
    ("zed/", "Zed"),
    ("vscode", "VS Code"),
    ("githubcopilotchat", "VS Code"),
    ("ollama", "Ollama SDK"),
    ("google-genai-sdk", "Google SDK"),
    ("anthropic", "Anthropic SDK"),
    ("openai", "OpenAI SDK"),
    ("ai-sdk", "AI SDK"),
    ("curl/", "curl"),
    ("python-", "Python"),
    ("node", "Node.js"),
    ("mozilla/", "browser"),
)
"""What stands in a User-Agent, in lower case; the first that is found names the family."""

MOST_SEEN = 256
LONGEST = 32


class Clients:
    """Names families and remembers what it has seen, since a program says the same each time."""

    def __init__(self) -> None:
        self._seen: dict[bytes, str] = {}

    def name(self, user_agent: bytes | None) -> str:
        """Return the family; of an unknown program its own name, of one that says nothing ``unknown``."""
        if user_agent is None:
            return "unknown"
        found = self._seen.get(user_agent)
        if found is None:
            found = family(user_agent.decode("latin-1"))
            if len(self._seen) < MOST_SEEN:
                self._seen[user_agent] = found
        return found


def family(user_agent: str) -> str:
    """Return the family of a User-Agent, plain characters only."""
    lower = user_agent.lower()
    for mark, name in _FAMILIES:
        if mark in lower:
            return name
    product = lower.partition("/")[0].partition(" ")[0]
    plain = "".join(char for char in product if char.isalnum() or char in "._-")[:LONGEST]
    return plain or "unknown"
