"""What both engines promise besides the vectors."""

from __future__ import annotations

import base64
import struct
import threading
import time

import pytest

from copilot_api.engine.interfaces import Tokenizer
from copilot_api.engine.reference.tokenizer.pictures import tiles


@pytest.mark.parametrize("name", ["", "unknown", "O200K_BASE", "o200k_base\ud800"])
def test_unknown_encoding_is_o200k(tokenizer: Tokenizer, name: str) -> None:
    text = "getUserByIDAndName don't"
    assert tokenizer.count_text(text, name) == tokenizer.count_text(text, "o200k_base")
    assert tokenizer.count_text(text, "r50k_base") != tokenizer.count_text(text, "o200k_base")


def test_p50k_edit_counts_as_p50k_base(tokenizer: Tokenizer) -> None:
    text = "def f():\n        return 1 <|fim_prefix|>"
    assert tokenizer.count_text(text, "p50k_edit") == tokenizer.count_text(text, "p50k_base")
    assert tokenizer.count_text(text, "p50k_edit") != tokenizer.count_text(text, "r50k_base")


def test_lone_surrogates_count_as_replacement_characters(tokenizer: Tokenizer) -> None:
    assert tokenizer.count_text("a\ud800b\udfff", "o200k_base") == tokenizer.count_text("a�b�", "o200k_base")
    assert tokenizer.count_text("\ud83d\ude00", "o200k_base") == tokenizer.count_text("😀", "o200k_base")


def test_model_name_may_be_any_text(tokenizer: Tokenizer) -> None:
    assert tokenizer.count_chat(b'{"messages":[]}', "o200k_base", "x\ud800").input == 0


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "A" * 100_000,
        "qzxj" * 25_000,
        " " * 100_000,
        "\n " * 50_000,
        "𐐀" * 25_000,
        "=-" * 50_000,
    ],
    ids=["a", "A", "qzxj", "spaces", "lines", "Deseret", "signs"],
)
def test_text_without_spaces_takes_no_quadratic_time(tokenizer: Tokenizer, text: str) -> None:
    """A quadratic merge of 100,000 letters takes minutes here; 0.7.0 took 3.8 s in compiled code (D-H14)."""
    tokenizer.count_text("", "cl100k_base")
    begin = time.process_time()
    tokenizer.count_text(text, "cl100k_base")
    assert time.process_time() - begin < 5


def test_picture_counts_by_size_not_by_bytes(tokenizer: Tokenizer) -> None:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1000, 1000)
    url = "data:image/png;base64," + base64.b64encode(header + bytes(1_000_000)).decode()
    part = f'{{"type":"image_url","image_url":{{"url":"{url}"}}}}'
    body = f'{{"messages":[{{"role":"user","content":[{part}]}}]}}'.encode()
    assert tokenizer.count_chat(body, "o200k_base", "gpt-4o").input == 7 + 85 + 170 * 4


def test_size_behind_long_jpeg_metadata_is_found(tokenizer: Tokenizer) -> None:
    block = b"\xff\xe1\xff\xff" + bytes(65533)
    data = b"\xff\xd8" + block * 4 + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 100, 513)
    url = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    body = f'{{"messages":[{{"content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}'.encode()
    assert tokenizer.count_chat(body, "o200k_base", "gpt-4o").input == 6 + 85 + 170 * 2


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1, 1), 1), ((512, 513), 2), ((1024, 1024), 4), ((2048, 4096), 6), ((768, 2048), 8), ((99999, 1), 4)],
)
def test_tiles_of_512_after_scaling(size: tuple[int, int], expected: int) -> None:
    assert tiles(*size) == tiles(*reversed(size)) == expected


def test_threads_may_share_a_tokenizer(tokenizer: Tokenizer) -> None:
    counts: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: counts.append(tokenizer.count_text("Hello, world! " * 50, "r50k_base"))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [tokenizer.count_text("Hello, world! " * 50, "r50k_base")] * 4
