"""Client keys: who may use the gateway, what for, and how much (R-09)."""
