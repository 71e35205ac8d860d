"""Tokenizers side by side, in one run: our two engines and the packages from the index that can be imported.

    python bench/tokenizer.py            # all encodings' default, o200k_base
    python bench/tokenizer.py cl100k_base

Ordinary text is this repository's own files. Every candidate has a process of its own, and the counts are
beside its figures, so that it is plain that all did the same work. "Once" is what a fresh tokenizer has not
seen: the text in pieces of 4 kB, and words of a megabyte, another one each time. "Again" is the same once
more, the best of several runs: gigatoken and the native engine keep what they have counted (ADR 18). "Turns"
are those of a conversation: texts that are counted again with each new one at their end. Memory is what
loading and counting add to the process's resident size (Linux only). tiktoken gets our rank tables: it
would download them. `bpe-openai`, `rs_bpe` and `gigatoken` are used when they are installed.
"""

from __future__ import annotations

import base64
import ctypes
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
CANDIDATES = ("native", "tiktoken", "bpe-openai", "rs_bpe", "gigatoken", "reference")
SUFFIXES = {".py", ".rs", ".md", ".toml", ".json"}
WORD = 1_000_000
PIECE = 4000

Count = Callable[[str], int]


def ordinary_text() -> str:
    """Return code, prose and data of the repository, about a megabyte."""
    folders = ("src", "crates", "tests", "docs", "tools", "bench")
    files = sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES
    )
    texts = (path.read_text(encoding="utf-8") for path in files if "node_modules" not in path.parts)
    return "".join(texts)[:1_500_000]


def word(number: int, size: int = WORD) -> str:
    """Return letters without a space, not all the same, and others for each number."""
    return "".join(chr(97 + (at * at + number * at >> 3) % 26) for at in range(size))


def turns(text: str) -> list[list[str]]:
    """Return the texts of a conversation's turns: those before, and one of a piece's size more."""
    texts = [text[at : at + PIECE] for at in range(0, 50 * PIECE, PIECE)]
    return [texts[: last + 1] for last in range(len(texts))]


def make(candidate: str, encoding: str) -> Count:
    """Import and load a tokenizer. Raises ImportError when its package is not installed."""
    if candidate == "native":
        # Of the engine only what counts: its package brings asyncio and TLS for the other components.
        from copilot_api import _native

        return lambda text: _native.count_text(text, encoding)
    if candidate == "reference":
        from copilot_api.engine.reference.tokenizer import ReferenceTokenizer

        reference = ReferenceTokenizer()
        return lambda text: reference.count_text(text, encoding)
    if candidate == "tiktoken":
        from tests.differential.tiktoken_oracle import oracle

        made = oracle(encoding)
        return lambda text: len(made.encode_ordinary(text))
    if candidate == "bpe-openai":
        from bpe_openai import _bindings

        bpe_openai: Count = _bindings.tokenizer_for_encoding(encoding).count
        return bpe_openai
    if candidate == "gigatoken":
        return make_gigatoken(encoding)
    from rs_bpe.bpe import openai

    rs_bpe: Count = getattr(openai, encoding)().count
    return rs_bpe


def make_gigatoken(encoding: str) -> Count:
    """Load gigatoken from a file of ranks, the only form in which it takes ours."""
    from gigatoken import Tokenizer

    from tests.differential.tiktoken_oracle import oracle

    ranks = sorted(oracle(encoding)._mergeable_ranks.items(), key=lambda item: item[1])  # noqa: SLF001
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{encoding}.tiktoken")
        path.write_bytes(b"".join(b"%b %d\n" % (base64.b64encode(token), rank) for token, rank in ranks))
        made = Tokenizer.from_tiktoken(path)
    return lambda text: len(made.encode(text))


def resident() -> int:
    """Return the resident size of this process in kB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS"))


def best(work: Callable[[], int], least_seconds: float = 1.0) -> tuple[float, int]:
    """Return the shortest time in seconds of at least three runs, and what the work returned."""
    times: list[float] = []
    while len(times) < 3 or (sum(times) < least_seconds and len(times) < 50):
        begin = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - begin)
    return min(times), result


def once(count: Count, texts: list[str]) -> tuple[float, int]:
    """Return the time of counting each text once, in seconds, and the sum of the counts."""
    begin = time.perf_counter()
    total = sum(count(text) for text in texts)
    return time.perf_counter() - begin, total


def measure(candidate: str, encoding: str) -> dict[str, float]:
    """Measure one tokenizer in this process."""
    text = ordinary_text()
    # Python keeps the UTF-8 form of a text beside it: that is the text's memory, not a tokenizer's.
    ctypes.pythonapi.PyUnicode_AsUTF8AndSize(ctypes.py_object(text), None)
    prompt = text[:PIECE]
    words, halves = [word(number) for number in range(3)], [word(number, WORD // 2) for number in range(3, 6)]
    # Another order of lines makes other pieces of 4 kB, so that the turns are new but for what they repeat.
    conversation = turns("\n".join(reversed(text.splitlines())))
    before = resident()
    begin = time.perf_counter()
    count = make(candidate, encoding)
    count("Hello")
    load = time.perf_counter() - begin
    after_load = resident()
    text_once, _ = once(count, [text[at : at + PIECE] for at in range(0, len(text), PIECE)])
    text_again, text_count = best(lambda: count(text))
    after_text = resident()
    prompt_again, _ = best(lambda: count(prompt))
    turn_times, _ = once(lambda _: sum(count(part) for turn in conversation for part in turn), [""])
    word_once, _ = min(once(count, [one]) for one in words)
    half_once, _ = min(once(count, [half]) for half in halves)
    word_again, word_count = best(lambda: count(words[0]))
    size = len(text.encode()) / 1e6
    turn_size = sum(len(part.encode()) for turn in conversation for part in turn) / 1e6
    return {
        "load ms": load * 1000,
        "load MB": (after_load - before) / 1024,
        "text MB": (after_text - before) / 1024,
        "once MB/s": size / text_once,
        "again MB/s": size / text_again,
        "turns MB/s": turn_size / turn_times,
        "4 kB us": prompt_again * 1e6,
        "word ms": word_once * 1000,
        "word growth": word_once / half_once,
        "word again": word_again * 1000,
        "tokens": text_count,
        "word tokens": word_count,
    }


def child(candidate: str, encoding: str) -> dict[str, float] | str:
    """Measure one tokenizer in a process of its own; a text says why it could not be."""
    command = [sys.executable, __file__, encoding, candidate]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main(encoding: str) -> None:
    """Measure all and print a table, and how often the native engine is as fast as the others."""
    results = {candidate: child(candidate, encoding) for candidate in CANDIDATES}
    measured = {name: result for name, result in results.items() if isinstance(result, dict)}
    columns = list(next(iter(measured.values())))
    print(f"{encoding}; ordinary text of this repository, and a word of {WORD:,} letters\n")
    print(f"{'':12}" + "".join(f"{column:>13}" for column in columns))
    for name, result in results.items():
        if isinstance(result, dict):
            print(f"{name:12}" + "".join(f"{result[column]:13.1f}" for column in columns))
        else:
            print(f"{name:12} not measured: {result}")
    native = measured.get("native")
    for candidate, figures in measured.items():
        if native is not None and candidate != "native":
            speeds = [native[name] / figures[name] for name in ("once MB/s", "again MB/s", "turns MB/s")]
            words = [figures[name] / native[name] for name in ("word ms", "word again")]
            print(
                "\nnative against {}: {:.1f} times as fast on text seen once, {:.1f} times on text "
                "seen again, {:.1f} times on a conversation; {:.1f} and {:.1f} times on the word".format(
                    candidate, *speeds, *words
                ),
                end="",
            )
    print()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    chosen = sys.argv[1] if len(sys.argv) > 1 else "o200k_base"
    if len(sys.argv) > 2:
        print(json.dumps(measure(sys.argv[2], chosen)))
    else:
        main(chosen)
