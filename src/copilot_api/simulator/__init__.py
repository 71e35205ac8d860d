"""A pretend GitHub and Copilot: an independent reading of the specs that shares no code with the gateway.

It serves GitHub's device flow, the token exchange, the account, the models, chat and embeddings on one port,
answers with each vendor's quirks, checks tokens and headers like the real thing, and can be told to fail.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot_api.simulator.server import SimulatorServer

__all__ = ["SimulatorServer"]


def __getattr__(name: str) -> Any:
    # Not at once: pytest loads this package in every test run, for its plugin.
    if name != "SimulatorServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.server").SimulatorServer
