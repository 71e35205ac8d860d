"""``uvicorn copilot_api.asgi:app``: the gateway under any ASGI server.

Options come from the environment and the config file, the GitHub token from ``COPILOT_API_GITHUB_TOKEN`` or
the token file; nothing is asked. The gateway is opened at lifespan startup.
"""

from __future__ import annotations

from copilot_api.embedding import create_app

app = create_app()
