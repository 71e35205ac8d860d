"""The dashboard: static files without a build step, and the answers to what they ask."""
