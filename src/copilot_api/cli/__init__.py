"""The command line: one module a command; nothing here but arguments, prompts and printing."""
