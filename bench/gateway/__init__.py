"""Gateways side by side under one load: ``python -m bench.gateway``, or ``make bench-gateway``."""
