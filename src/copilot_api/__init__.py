"""copilot-api: use GitHub Copilot from any OpenAI- or Anthropic-compatible client.

The package is laid out as `docs/architecture.md` describes: ``cli`` starts the program,
``app`` wires it, ``http`` speaks the client's dialect, ``gateway`` decides, ``engine`` moves bytes.
"""

from copilot_api.version import VERSION

__version__ = VERSION

__all__ = ["__version__"]
