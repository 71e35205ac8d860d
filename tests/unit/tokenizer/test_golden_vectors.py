"""The golden vectors (compat.md appendix B and more); `cargo test` reads the same file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, TokenCount, Tokenizer

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "golden/tokenizer.json").read_text(encoding="utf-8")
)
COLUMNS: dict[str, tuple[str, str]] = GOLDEN["columns"]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("case", GOLDEN["chats"], ids=lambda case: case["name"])
def test_chat_counts_are_those_of_the_original(tokenizer: Tokenizer, case: Any, column: str) -> None:
    encoding, model = COLUMNS[column]
    counted = tokenizer.count_chat(case["body"].encode(), encoding, model)
    assert counted == TokenCount(*case["counts"][column])


@pytest.mark.parametrize("column", ["o", "c", "p", "r"])
@pytest.mark.parametrize("case", GOLDEN["texts"], ids=lambda case: repr(case["text"][:30]))
def test_text_counts_are_those_of_tiktoken(tokenizer: Tokenizer, case: Any, column: str) -> None:
    assert tokenizer.count_text(case["text"], COLUMNS[column][0]) == case["counts"][column]


@pytest.mark.parametrize("case", GOLDEN["errors"], ids=lambda case: repr(case["body"][:30]))
def test_what_is_no_chat_request_is_refused(tokenizer: Tokenizer, case: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tokenizer.count_chat(case["body"].encode(), "o200k_base", "gpt-4o")
    assert caught.value.path == case["path"]
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b'{"messages":[],"a":"\xff"}', b'{"messages":[],"a":"\xed\xa0\x80"}'])
def test_bytes_that_are_no_utf8_are_refused(tokenizer: Tokenizer, body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="UTF-8"):
        tokenizer.count_chat(body, "o200k_base", "gpt-4o")
