"""The reference engine: pure Python, the specification, the oracle and the rollback."""
