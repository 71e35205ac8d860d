"""One package a wire format, each to and from the canonical model in :mod:`..canonical`.

What a format can do is told by the modules it has, found by name and loaded on first use:

- a **dialect**, spoken by clients: ``facts`` (`facts(value, size)`), ``decode_request``
  (`decode_request(value, plan)`), ``encode_answer`` (`encode_answer(answer, plan, context)`),
  ``encode_stream`` (`StreamEncoder(plan, context)`);
- a **leg**, spoken by Copilot: ``encode_request`` (`encode_request(conversation, plan)`), ``decode_answer``
  (`decode_answer(value)`), ``decode_stream`` (`StreamDecoder()`), ``verdict`` (`judge(frame)`);
- both, for traffic of one format from end to end: ``relay`` (`request(body, plan)`, `answer(value)`,
  `StreamRepairs(plan)`).

The protocols are in :mod:`..parts`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class UnsupportedPair(ValueError):
    """No translation between this dialect and leg exists (yet)."""


def part(name: str, module: str) -> Any:
    """Return a module of a format. Raises :class:`UnsupportedPair` when the format does not have it."""
    wanted = f"{__name__}.{name}.{module}"
    try:
        return import_module(wanted)
    except ModuleNotFoundError as error:
        if error.name is None or not wanted.startswith(error.name):
            raise
        raise UnsupportedPair(f"{name} has no {module}") from None
