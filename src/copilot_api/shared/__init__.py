"""What several gateways share by one Redis or Valkey: limits, budgets, keys, kept answers, the ledger."""
