"""The soak: mixed traffic with faults, aborts and slow readers through the real gateway (R-57).

``python -m tools.soak --help`` says how to run it; ``make soak`` does.
"""
