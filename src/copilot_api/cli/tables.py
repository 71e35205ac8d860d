"""Rows as text in columns, for a person or for a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Return rows in columns as wide as they need; those whose numbers are in `right` end at one edge."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def csv(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as comma-separated values (RFC 4180), without the last line's end; None is empty."""
    import io
    from csv import writer

    text = io.StringIO()
    writer(text, lineterminator="\n").writerows(
        [["" if cell is None else cell for cell in row] for row in rows]
    )
    return text.getvalue().rstrip("\n")
