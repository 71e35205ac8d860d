"""How a stream ends, and how it fails (R-24 to R-28)."""

from __future__ import annotations

from collections.abc import Callable

from tests.support import chat
from tests.support.faults.cases import EVERY_LEG, FEW, Case, Fault, LegName, odd
from tests.support.faults.legs import TEXTS, USAGE, Leg
from tests.support.scripted_upstream import Script, Step
from tests.support.upstream_steps import (
    data,
    end,
    fin,
    head,
    hold,
    reset,
)

MIB = 1024 * 1024
# --------------------------------------------------------------------------------------------------- ends


def _ends(*pick: str) -> Callable[[Leg], Script]:
    """The pieces of a good stream by name, then what comes behind."""

    def script(leg: Leg) -> Script:
        return (head(), *(_piece(leg, name) for name in pick))

    return script


def _piece(leg: Leg, name: str) -> Step:
    parts = leg.parts()
    known: dict[str, Callable[[], Step]] = {
        "deltas": lambda: data(b"".join(parts.broken)),
        "finish": lambda: data(parts.finish),
        "end mark": lambda: data(parts.end),
        "more": lambda: data(parts.deltas[0]),
        "finish without usage": lambda: data(chat.sse(chat.frame(finish="stop"))),
        "usage": lambda: data(chat.sse({**chat.frame(), "choices": [], "usage": USAGE})),
        "end": end,
        "fin": fin,
        "reset": reset,
    }
    return known[name]()


_COMPLETE_AT_FINISH: tuple[LegName, ...] = ("chat", "messages")
"""The Responses format has its finish reason in its end mark."""

_ENDS = (
    odd(
        "no end mark after the finish reason",
        "R-25",
        _ends("deltas", "finish", "end"),
        legs=_COMPLETE_AT_FINISH,
    ),
    odd("fin after the finish reason", "R-25", _ends("deltas", "finish", "fin"), legs=_COMPLETE_AT_FINISH),
    odd(
        "reset after the finish reason", "R-25", _ends("deltas", "finish", "reset"), legs=_COMPLETE_AT_FINISH
    ),
    odd("fin after the end mark", "R-25", _ends("deltas", "finish", "end mark", "fin"), legs=EVERY_LEG),
    odd("reset after the end mark", "R-25", _ends("deltas", "finish", "end mark", "reset"), legs=EVERY_LEG),
    odd(
        "frames after the end mark",
        "R-25",
        _ends("deltas", "finish", "end mark", "more", "end"),
        legs=EVERY_LEG,
    ),
    odd(
        "usage after the finish reason",
        "R-25",
        _ends("deltas", "finish without usage", "usage", "end mark", "end"),
    ),
    Fault(
        "end without finish reason",
        "R-25 R-26",
        Case(_ends("deltas", "end"), "error"),
        legs=EVERY_LEG,
    ),
    Fault("end mark alone", "R-25 R-36", Case(_ends("end mark", "end"), "status", 502)),
    Fault("head, then fin", "R-26", Case(_ends("fin"), "status", 502), legs=EVERY_LEG),
    Fault("head, then reset", "R-26", Case(_ends("reset"), "status", 502), legs=EVERY_LEG),
    Fault("head, then the end", "R-36", Case(_ends("end"), "status", 502), legs=EVERY_LEG),
)


# -------------------------------------------------------------------------------- failures in the middle


def _after(count: int, *how: Step, part: bool = False) -> Case:
    """All texts up to `count`, and half of the next frame when `part`."""

    def script(leg: Leg) -> Script:
        parts = leg.parts()
        frames: list[bytes] = [parts.opening + parts.deltas[0], *parts.deltas[1:count]]
        if part:
            following = (*parts.deltas, parts.finish)[count]
            frames.append(following[: len(following) // 2])
        return (head(), *(data(frame) for frame in frames), *how)

    return Case(script, "error", text="".join(TEXTS[:count]))


_BOUNDARIES = tuple(
    Fault(f"{how.name} {where} frame {count}", "R-26", _after(count, how, part=part), legs=EVERY_LEG)
    for how in (fin(), reset())
    for count in (1, 2, 3)
    for where, part in (("after", False), ("in the frame after", True))
)


def _then(name: str, ids: str, write: Callable[[Leg], bytes], *, says: str = "", more: bool = True) -> Fault:
    """After the deltas something that ends it; what follows must not be looked at."""

    def script(leg: Leg) -> Script:
        parts = leg.parts()
        following = (data(parts.deltas[0]), data(parts.finish), data(parts.end)) if more else ()
        return (head(), *(data(event) for event in parts.broken), data(write(leg)), *following, end())

    return Fault(name, ids, Case(script, "error", says=says), legs=EVERY_LEG)


def _first(name: str, code: str, status: int, says: str) -> Fault:
    return Fault(
        name,
        "R-27",
        Case(lambda leg: (head(), data(leg.error(says, code)), end()), "status", status, says=says),
    )


_IN_BAND = (
    _first("error as first frame", "model_overloaded", 503, "The model is overloaded."),
    _first("rate limit as first frame", "rate_limited", 429, "Slow down, please."),
    _then(
        "error after the deltas",
        "R-27",
        lambda leg: leg.error("The model is overloaded.", "model_overloaded"),
        says="The model is overloaded.",
    ),
    _then(
        "error and then the end",
        "R-27",
        lambda leg: leg.error("The model is overloaded.", "model_overloaded"),
        says="The model is overloaded.",
        more=False,
    ),
    _then("frame that is no JSON", "R-28", lambda _leg: b'data: {"choices": [{"del\n\n'),
    _then("frame that is HTML", "R-28", lambda _leg: b"data: <html>gateway timeout</html>\n\n"),
    _then("frame that is a list", "R-28", lambda _leg: b"data: [1, 2]\n\n"),
    _then("frame with two documents", "R-28", lambda _leg: b"data: {} {}\n\n"),
    Fault(
        "first frame that is no JSON",
        "R-28",
        Case(lambda _leg: (head(), data(b"data: {not json\n\n"), end()), "status", 502),
        legs=EVERY_LEG,
    ),
    Fault(
        "a line without end",
        "R-24",
        Case(
            lambda leg: (
                head(),
                data(b"".join(leg.parts().broken)),
                data(b"data: " + b"x" * MIB),
                *(data(b"x" * MIB) for _ in range(31)),
                hold(),
            ),
            "error",
        ),
        dialects=FEW,
    ),
)


ENDINGS: tuple[Fault, ...] = (*_ENDS, *_BOUNDARIES, *_IN_BAND)
