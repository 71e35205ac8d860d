"""OpenAI responses (upstream.md 5, 10.2): what Codex and the newer SDKs speak, and Copilot's newest leg."""
