"""Failures of upstream by name, written once for every leg, with what clients must see of each."""
