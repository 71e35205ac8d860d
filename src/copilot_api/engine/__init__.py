"""The engine: everything whose cost grows with bytes. Contracts in `interfaces`."""
