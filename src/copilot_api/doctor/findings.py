"""What a check finds: one plain sentence, the fix, and a name that does not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from copilot_api.doctor.causes import CAUSES
from copilot_api.records import record, replace
from copilot_api.redaction import one_line

Level = Literal["ok", "note", "warning", "problem", "skipped"]
"""A note is worth knowing and nothing to mend."""
PAGE = "docs/troubleshooting.md"
"""Where each cause has a section of its own name."""

Repair = Callable[[], None]


@record
class Finding:
    """One result of a check."""

    check: str
    """What was looked at: one of :data:`CHECKS`."""
    level: Level
    says: str
    cause: str = ""
    """The name of what is wrong, as in `copilot_api.doctor.causes`; empty when nothing is."""
    fix: str = ""
    about: tuple[str, ...] = ()
    """The hosts or files that it is about."""
    repair: Repair | None = None
    """Mends it, where that is safe."""

    def as_members(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "check": self.check,
            "level": self.level,
            "id": self.cause or None,
            "says": self.says,
            "about": list(self.about),
            "fix": self.fix or None,
            "docs": f"{PAGE}#{self.cause}" if self.cause else None,
            "can_be_fixed": self.repair is not None,
        }


CHECKS = {
    "config": "config file",
    "environment": "environment",
    "data": "data directory",
    "credential": "credential",
    "network": "network",
    "account": "account",
    "models": "models",
    "clock": "clock",
    "listener": "who may connect",
    "port": "port",
    "gateway": "running gateway",
    "keys": "client keys",
    "ledger": "ledger",
    "store": "shared store",
    "engine": "engine",
    "clients": "client programs",
}
"""What is looked at, in the order in which it is told, and what it is called."""


def ok(check: str, says: str, *about: str) -> Finding:
    """Return that all is well."""
    return Finding(check, "ok", one_line(says), about=about)


def skipped(check: str, why: str) -> Finding:
    """Return that a check could not be made."""
    return Finding(check, "skipped", one_line(why))


def found(
    cause: str, says: str, *about: str, fix: str = "", check: str = "", repair: Repair | None = None
) -> Finding:
    """Return what is wrong; its check, level and usual fix stand in the table of causes."""
    known = CAUSES[cause]
    return Finding(
        check or known.check, known.level, one_line(says), cause, one_line(fix or known.fix), about, repair
    )


def merged(findings: list[Finding]) -> list[Finding]:
    """Return the findings with those of one cause about several hosts as one, in the order of the checks."""
    kept: dict[tuple[str, str, str], Finding] = {}
    for each in findings:
        key = (each.check, each.cause, "" if each.cause and each.check == "network" else each.says)
        before = kept.get(key)
        if before is None:
            kept[key] = each
        else:
            more = tuple(name for name in each.about if name not in before.about)
            kept[key] = replace(before, about=before.about + more)
    order = list(CHECKS)
    return sorted(kept.values(), key=lambda each: order.index(each.check))
