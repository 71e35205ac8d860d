from __future__ import annotations

import pytest

from copilot_api.engine.interfaces import Tokenizer


def _reference() -> Tokenizer:
    from copilot_api.engine.reference.tokenizer import ReferenceTokenizer

    return ReferenceTokenizer()


def _native() -> Tokenizer:
    pytest.importorskip("copilot_api._native", reason="the native module is not built: run `make dev`")
    from copilot_api.engine.native import NativeTokenizer

    return NativeTokenizer()


@pytest.fixture(scope="session", params=[_reference, _native], ids=["reference", "native"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """Each engine in turn: one table of cases for both."""
    made: Tokenizer = request.param()
    return made
