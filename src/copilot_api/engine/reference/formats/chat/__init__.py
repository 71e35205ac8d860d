"""OpenAI chat completions, the dialect of most clients and Copilot's oldest leg (upstream.md 4, 10.1)."""
