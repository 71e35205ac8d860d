"""Whole requests and answers, kept for a while by those who ask for it (``--capture``; docs/adr/0025).

Imported only where it is on, and by the commands that read what was kept.
"""
