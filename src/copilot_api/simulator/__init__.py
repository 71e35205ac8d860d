"""A pretend GitHub and Copilot: an independent reading of the specs that shares no code with the gateway.

It serves GitHub's device flow, the token exchange, the account, the models, chat and embeddings on one port,
answers with each vendor's quirks, checks tokens and headers like the real thing, and can be told to fail.
"""

from copilot_api.simulator.server import SimulatorServer

__all__ = ["SimulatorServer"]
