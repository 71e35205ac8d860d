"""tiktoken with our rank tables: it would download its own.

The patterns are the official ones, as tiktoken's `tiktoken_ext/openai_public.py` has them; they are
written out here so that a slip in the engines' patterns is not repeated.
"""

from __future__ import annotations

import functools

import tiktoken

from copilot_api.engine.reference.tokenizer.vocabulary import read_ranks

_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
_R50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"

_SOURCES = {
    "o200k_base": (_O200K, "o200k_base.ranks.zlib", None),
    "cl100k_base": (_CL100K, "cl100k_base.ranks.zlib", None),
    "p50k_base": (_R50K, "p50k_base.ranks.zlib", None),
    "p50k_edit": (_R50K, "p50k_base.ranks.zlib", None),
    "r50k_base": (_R50K, "p50k_base.ranks.zlib", 50256),
}

ENCODINGS = tuple(_SOURCES)


@functools.cache
def oracle(encoding: str) -> tiktoken.Encoding:
    """Return tiktoken's encoding of this name, without special tokens."""
    pattern, ranks_file, size = _SOURCES[encoding]
    return tiktoken.Encoding(
        encoding, pat_str=pattern, mergeable_ranks=read_ranks(ranks_file, size), special_tokens={}
    )


def matched(pattern: str, text: str) -> str:
    """Return the matches of a pattern, joined: the way to ask tiktoken's regular expressions themselves."""
    single_bytes = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding("bytes", pat_str=pattern, mergeable_ranks=single_bytes, special_tokens={})
    return bytes(encoding.encode_ordinary(text)).decode()
