"""Anthropic messages (upstream.md 10.3; translation rules of compat.md 4)."""
