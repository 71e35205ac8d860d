"""Write ``docs/options.md`` from the options declared in ``copilot_api.settings``.

``tests/unit/test_repository.py`` fails when the page is not what this writes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from copilot_api.records import REQUIRED, Field
from copilot_api.settings import option_fields

PAGE = Path(__file__).resolve().parent.parent / "docs" / "options.md"
HEAD = """\
# Options of `copilot-api start`

<!-- Written by `make docs` from src/copilot_api/settings.py; do not edit. -->

A value comes from the flag, else from the environment variable, else from the config file (`copilot-api
config path`; the name without dashes in front, as `rate-limit = 10`), else from the default. `copilot-api
config` shows which. Times are seconds and may have a fraction; sizes are bytes. A switch is turned off by
`--no-NAME`.

| flag | environment | default | what it does |
| --- | --- | --- | --- |
"""


def shown_default(value: Any) -> str:
    """Return a default in words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value in (None, ()):
        return "none"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def row(field: Field) -> str:
    """Return one line of the table."""
    assert field.default is not REQUIRED
    metadata = field.metadata
    flag = f"`--{field.name.replace('_', '-')}{' ' + metadata['metavar'] if metadata['metavar'] else ''}`"
    if metadata["alias"]:
        flag += f", `-{metadata['alias']}`"
    help_text = metadata["help"].replace("|", "\\|")
    return f"| {flag} | `COPILOT_API_{field.name.upper()}` | {shown_default(field.default)} | {help_text} |\n"


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(row(field) for field in option_fields() if not field.metadata["hidden"])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
    sys.exit(0)
