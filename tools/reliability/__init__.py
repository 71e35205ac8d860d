"""The table of what must hold, measured (reliability.md section 5): ``python -m tools.reliability``."""
