"""The reference tokenizer: BPE counts by OpenAI's encodings, chat requests by compat.md section 5.

`encodings` names the five encodings, `patterns` splits text into pieces, `vocabulary` reads the ranks,
`merge` joins the bytes of a piece; `chat` adds up a request, with `pictures` for images and `json_text` for
JavaScript's idea of JSON.
"""

from __future__ import annotations

import threading

from copilot_api.engine.interfaces import RequestBody, TokenCount
from copilot_api.engine.reference.tokenizer.chat import count_chat
from copilot_api.engine.reference.tokenizer.encodings import Encoding, encoding_named
from copilot_api.engine.reference.tokenizer.json_text import well_formed
from copilot_api.engine.reference.tokenizer.merge import merged_length
from copilot_api.engine.reference.tokenizer.patterns import compiled
from copilot_api.engine.reference.tokenizer.vocabulary import read_ranks

__all__ = ["ReferenceTokenizer"]


class _Loaded:
    """One encoding, ready to count: its ranks take some 10 to 30 MB."""

    __slots__ = ("_find_pieces", "_ranks")

    def __init__(self, encoding: Encoding) -> None:
        self._ranks = read_ranks(encoding.ranks_file, encoding.size)
        self._find_pieces = compiled(encoding.pattern).finditer

    def count(self, text: str) -> int:
        ranks = self._ranks
        total = 0
        for found in self._find_pieces(well_formed(text)):
            piece = found.group().encode()
            total += 1 if piece in ranks else merged_length(piece, ranks)
        return total


class ReferenceTokenizer:
    """Implements :class:`copilot_api.engine.interfaces.Tokenizer`.

    An encoding is loaded at its first use (about 0.1 s) and kept. Thread-safe.
    """

    def __init__(self) -> None:
        self._loaded: dict[Encoding, _Loaded] = {}
        self._loading = threading.Lock()

    def count_text(self, text: str, encoding: str) -> int:
        """Return the number of tokens of `text`; a lone surrogate counts as U+FFFD."""
        return self._load(encoding).count(text)

    def count_chat(self, body: RequestBody, encoding: str, model: str) -> TokenCount:
        """Count a chat request. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest`."""
        return count_chat(bytes(body), self._load(encoding).count, model)

    def _load(self, name: str) -> _Loaded:
        encoding = encoding_named(name)
        with self._loading:
            loaded = self._loaded.get(encoding)
            if loaded is None:
                loaded = self._loaded[encoding] = _Loaded(encoding)
            return loaded
