"""Google's Generative Language API, a dialect only (upstream.md 10.4)."""
