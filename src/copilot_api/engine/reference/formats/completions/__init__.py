"""OpenAI's completions of old, for clients that know nothing newer: the prompt becomes a user's message."""
