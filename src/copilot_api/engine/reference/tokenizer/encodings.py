"""Which encodings there are: names, rank files and patterns (compat.md 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

# The patterns are OpenAI's, as tiktoken publishes them. `\Z` stands for their `$`: the very end of the text.
# The o200k one is the correct one of compat.md appendix A, not the one of the old lock file.

_R50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++\Z|\s+(?!\S)|\s"

_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)"
    r"|[^\r\n\p{L}\p{N}]?+\p{L}++"
    r"|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++\Z"
    r"|\s*[\r\n]"
    r"|\s+(?!\S)"
    r"|\s"
)

_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """One encoding; `size` limits it to the first ranks of its file."""

    ranks_file: str
    pattern: str
    size: int | None = None


_O200K_BASE = Encoding("o200k_base.ranks.zlib", _O200K)
_P50K_BASE = Encoding("p50k_base.ranks.zlib", _R50K)

_ENCODINGS = {
    "cl100k_base": Encoding("cl100k_base.ranks.zlib", _CL100K),
    "p50k_base": _P50K_BASE,
    # Differs in its special tokens only, and those are ordinary text here (D-T27).
    "p50k_edit": _P50K_BASE,
    "r50k_base": Encoding("p50k_base.ranks.zlib", _R50K, 50256),
}


def encoding_named(name: str) -> Encoding:
    """Return the encoding; an unknown name means ``o200k_base``."""
    return _ENCODINGS.get(name, _O200K_BASE)
