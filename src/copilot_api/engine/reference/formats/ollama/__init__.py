"""Ollama's own API, ``/api/chat`` and ``/api/generate``: a JSON object a line (upstream.md 10.5)."""
