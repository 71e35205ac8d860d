"""copilot-api: use GitHub Copilot from any OpenAI- or Anthropic-compatible client.

The package is laid out as `docs/architecture.md` describes: ``cli`` starts the program,
``app`` wires it, ``http`` speaks the client's dialect, ``gateway`` decides, ``engine`` moves bytes.

What programs may import from here is in `docs/embedding.md`; each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from copilot_api.version import VERSION

if TYPE_CHECKING:
    from copilot_api.background import BackgroundGateway
    from copilot_api.embedding import Gateway, create_app
    from copilot_api.engine.interfaces import RequestFacts
    from copilot_api.gateway.hooks import OnPlan, OnSummary, Refusal
    from copilot_api.gateway.plan import Plan
    from copilot_api.in_process import RequestFailed
    from copilot_api.ledger.entry import Entry
    from copilot_api.settings import Settings

__version__ = VERSION

__all__ = [
    "BackgroundGateway",
    "Entry",
    "Gateway",
    "OnPlan",
    "OnSummary",
    "Plan",
    "Refusal",
    "RequestFacts",
    "RequestFailed",
    "Settings",
    "__version__",
    "create_app",
]

_PLACES = {
    "BackgroundGateway": "background",
    "Entry": "ledger.entry",
    "Gateway": "embedding",
    "OnPlan": "gateway.hooks",
    "OnSummary": "gateway.hooks",
    "Plan": "gateway.plan",
    "Refusal": "gateway.hooks",
    "RequestFacts": "engine.interfaces",
    "RequestFailed": "in_process",
    "Settings": "settings",
    "create_app": "embedding",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
