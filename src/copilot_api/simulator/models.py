"""The model list: every vendor and class of upstream.md 3.2, in the shape of 3.1."""

from __future__ import annotations

from typing import Any

from copilot_api.simulator.vendors import NANO_AIU_PER_TOKEN

_CHAT = "/chat/completions"
_RESPONSES = ["/responses", "ws:/responses"]
_MESSAGES = "/v1/messages"
_PRICES = {
    name: NANO_AIU_PER_TOKEN[kind] / 1000
    for name, kind in (("input_price", "input"), ("cache_price", "cache_read"), ("output_price", "output"))
}
"""Credits for a million tokens, as the simulator bills them whatever the model."""

# id, name, vendor, multiplier, prompt and output limit in thousands of tokens, endpoints, features: tools,
# vision, structured outputs, a thinking budget, adaptive thinking, efforts
_TABLE: tuple[tuple[str, str, str, float, int, int, list[str] | None, str], ...] = (
    ("claude-opus-4.6-1m", "Claude Opus 4.6 (1M)", "Anthropic", 6, 936, 64, [_MESSAGES, _CHAT], "tvsbae"),
    ("claude-opus-5", "Claude Opus 5", "Anthropic", 3, 936, 64, [_MESSAGES], "tvsae"),
    ("claude-opus-4.6", "Claude Opus 4.6", "Anthropic", 3, 168, 32, [_MESSAGES, _CHAT], "tvsbae"),
    ("claude-sonnet-4.6", "Claude Sonnet 4.6", "Anthropic", 1, 168, 32, [_MESSAGES, _CHAT], "tvsbae"),
    ("claude-sonnet-4.5", "Claude Sonnet 4.5", "Anthropic", 1, 168, 32, [_CHAT, _MESSAGES], "tvsb"),
    ("claude-sonnet-4", "Claude Sonnet 4", "Anthropic", 1, 128, 16, [_CHAT], "tvb"),
    ("claude-haiku-4.5", "Claude Haiku 4.5", "Anthropic", 0.33, 136, 64, [_CHAT, _MESSAGES], "tvsb"),
    ("gpt-5.5", "GPT-5.5", "OpenAI", 1, 272, 128, _RESPONSES, "tvse"),
    ("gpt-5.4", "GPT-5.4", "OpenAI", 1, 272, 128, _RESPONSES, "tvse"),
    ("gpt-5.4-mini", "GPT-5.4 mini", "OpenAI", 0.33, 272, 128, _RESPONSES, "tvse"),
    ("gpt-5.3-codex", "GPT-5.3-Codex", "OpenAI", 1, 272, 128, _RESPONSES, "tvse"),
    ("gpt-5.2", "GPT-5.2", "OpenAI", 1, 272, 128, [_CHAT, *_RESPONSES], "tvse"),
    ("gpt-5-mini", "GPT-5 mini", "Azure OpenAI", 0, 128, 64, [_CHAT, *_RESPONSES], "tvse"),
    ("gemini-3.1-pro-preview", "Gemini 3.1 Pro", "Google", 1, 136, 64, [_CHAT], "tve"),
    ("gemini-2.5-pro", "Gemini 2.5 Pro", "Google", 1, 128, 64, None, "tv"),
    ("grok-code-fast-1", "Grok Code Fast 1", "xAI", 0.25, 128, 64, [_CHAT], "t"),
    ("gpt-4.1", "GPT-4.1", "Azure OpenAI", 0, 128, 16, None, "tvs"),
    ("gpt-4o", "GPT-4o", "Azure OpenAI", 0, 64, 4, None, "tvs"),
    ("gpt-4o-mini", "GPT-4o mini", "Azure OpenAI", 0, 12, 4, None, "tv"),
    ("gpt-4", "GPT 4", "Azure OpenAI", 0, 32, 4, None, "t"),
    ("gpt-4", "GPT 4", "Azure OpenAI", 0, 32, 4, None, "t"),
)


def _chat_entry(row: tuple[str, str, str, float, int, int, list[str] | None, str]) -> dict[str, Any]:
    name, title, vendor, multiplier, prompt, output, endpoints, features = row
    limits: dict[str, Any] = {
        "max_context_window_tokens": (prompt + output) * 1000,
        "max_prompt_tokens": prompt * 1000,
        "max_output_tokens": output * 1024,
    }
    supports: dict[str, Any] = {"streaming": True}
    if "t" in features:
        supports |= {"tool_calls": True, "parallel_tool_calls": True}
    if "v" in features:
        supports["vision"] = True
        media = ["image/jpeg", "image/png", "image/webp"]
        limits["vision"] = {
            "max_prompt_images": 5,
            "max_prompt_image_size": 3145728,
            "supported_media_types": media,
        }
    if "s" in features:
        supports["structured_outputs"] = True
    if "b" in features:
        supports |= {"min_thinking_budget": 1024, "max_thinking_budget": 32000}
    if "a" in features:
        supports["adaptive_thinking"] = True
    if "e" in features:
        supports["reasoning_effort"] = [
            "low",
            "medium",
            "high",
            *(["max"] if name == "claude-opus-5" else []),
        ]
    entry: dict[str, Any] = {
        "billing": {
            "is_premium": multiplier > 0,
            "multiplier": multiplier,
            "token_prices": {"batch_size": 1_000_000, "default": _PRICES},
        },
        "capabilities": {
            "family": name,
            "limits": limits,
            "object": "model_capabilities",
            "supports": supports,
            "tokenizer": "cl100k_base" if name == "gpt-4" else "o200k_base",
            "type": "chat",
        },
        "id": name,
        "is_chat_default": name == "gpt-4.1",
        "is_chat_fallback": name == "gpt-4.1",
        "model_picker_enabled": name != "gpt-4",
        "name": title,
        "object": "model",
        "policy": {"state": "enabled", "terms": "The terms of the pretend vendor."},
        "preview": name.endswith("-preview"),
        "vendor": vendor,
        "version": name,
    }
    if endpoints is not None:
        entry["supported_endpoints"] = endpoints
    return entry


def _other(name: str, title: str, kind: str, **capabilities: Any) -> dict[str, Any]:
    return {
        "capabilities": {
            "family": name,
            "object": "model_capabilities",
            "type": kind,
            "tokenizer": "cl100k_base",
            **capabilities,
        },
        "id": name,
        "model_picker_enabled": False,
        "name": title,
        "object": "model",
        "preview": False,
        "vendor": "Azure OpenAI",
        "version": name,
    }


def model_list() -> list[dict[str, Any]]:
    """Return the entries of ``GET /models``: one id repeated, one policy disabled, some members missing."""
    entries = [_chat_entry(row) for row in _TABLE]
    disabled = _chat_entry(("o-disabled-example", "Disabled", "OpenAI", 1, 64, 4, [_CHAT], "t"))
    disabled["policy"]["state"] = "disabled"
    embeddings = {"limits": {"max_inputs": 512}, "supports": {"dimensions": True}}
    return [
        *entries,
        disabled,
        _other("gpt-41-copilot", "GPT-4.1 Copilot", "completion"),
        _other("text-embedding-3-small", "Embedding V3 small", "embeddings", **embeddings),
        _other("text-embedding-ada-002", "Embedding V2 Ada", "embeddings", limits={"max_inputs": 512}),
    ]
