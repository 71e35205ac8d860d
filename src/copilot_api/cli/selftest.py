"""``copilot-api selftest``: whether this installation works; with ``--live`` one real call."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from copilot_api.background import BackgroundGateway
from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.selftest_checks import Check, Failed, checks
from copilot_api.embedding import PROBLEMS, Gateway
from copilot_api.gateway.catalog import Model
from copilot_api.gateway.routing import legs_of
from copilot_api.in_process import RequestFailed
from copilot_api.version import VERSION

BILLED = (
    "One small request goes to GitHub Copilot with your account. It is billed like any other:"
    " a fraction of a cent, or one premium request times the model's multiplier"
)


def run(invocation: Invocation) -> int:
    """Make the checks; 1 when one failed."""
    live = invocation.flag("live")
    if live and not _agreed(invocation):
        return 1
    # The simulator's answers, failures among them, are what is asked for: no word about them.
    logging.getLogger("copilot_api").setLevel(logging.CRITICAL)
    results = _simulated(invocation)
    if live:
        results.append(_made(invocation, Check("live call", lambda: run_loop(_call()))))
    failed = [each["name"] for each in results if not each["ok"]]
    if invocation.flag("json"):
        told = {"version": VERSION, "ok": not failed, "checks": results}
        invocation.console.plain(json.dumps(told, indent=2))
    elif failed:
        invocation.console.error(
            f"{len(failed)} of {len(results)} checks failed: {', '.join(failed)}."
            " `copilot-api report` gathers what helps with an issue"
        )
    else:
        seconds = sum(each["seconds"] for each in results)
        invocation.console.plain(f"All {len(results)} checks passed in {seconds:.1f} s.")
    return 1 if failed else 0


def _simulated(invocation: Invocation) -> list[dict[str, Any]]:
    began = time.monotonic()
    try:
        with BackgroundGateway(simulate=True, drain_timeout=1.0) as gateway:
            opened = Check("gateway and simulator", lambda: f"at {gateway.url}")
            found = [_made(invocation, opened, began)]
            return found + [_made(invocation, check) for check in checks(gateway)]
    except PROBLEMS as error:
        text = str(error)

        def fail() -> str:
            raise Failed(text)

        return [_made(invocation, Check("gateway and simulator", fail), began)]


def _made(invocation: Invocation, check: Check, began: float | None = None) -> dict[str, Any]:
    """Make one check, say how it went, and return that for a program."""
    began = time.monotonic() if began is None else began
    ok, detail = _outcome(check.run)
    seconds = round(time.monotonic() - began, 3)
    if not invocation.flag("json"):
        invocation.console.plain(
            f"{'✔' if ok else '✖'} {check.name:22} {seconds * 1000:5.0f} ms  {detail}".rstrip()
        )
    return {"name": check.name, "ok": ok, "seconds": seconds, "detail": detail}


def _outcome(run_check: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, run_check()
    except Failed as failed:
        return False, str(failed)
    except Exception as error:
        # What nobody thought of fails its own check, and the others are made all the same.
        return False, f"{type(error).__name__}: {error}"


def _agreed(invocation: Invocation) -> bool:
    if invocation.flag("yes"):
        return True
    if not sys.stdin.isatty() or invocation.flag("json"):
        invocation.console.error(f"{BILLED}. Nothing was sent: add --yes to say that you agree")
        return False
    sys.stdout.write(f"{BILLED}.\n? Send it? (y/N) ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    invocation.console.info("Nothing was sent; without --live the simulator is asked alone")
    return False


async def _call() -> str:
    """Ask the account's cheapest model for one word. Raises :class:`Failed`."""
    try:
        async with Gateway(dashboard=False) as gateway:
            model = cheapest(gateway.models)
            if model is None:
                raise Failed("the account lists no model that chats")
            turn = [{"role": "user", "content": "Say: ok"}]
            answer = await gateway.post(
                "/v1/chat/completions", {"model": model.id, "messages": turn, "max_tokens": 16}
            )
    except RequestFailed as refused:
        raise Failed(str(refused)) from refused
    except PROBLEMS as error:
        raise Failed(str(error)) from error
    billed = (answer.get("copilot_usage") or {}).get("total_nano_aiu")
    cost = "Copilot did not say what it billed" if billed is None else f"billed {billed / 1e9:g} credits"
    return f"{model.id} answered; {cost}"


def cheapest(models: tuple[Model, ...]) -> Model | None:
    """Return the model that costs least by its multiplier, of equals the first."""
    fit = [each for each in models if "chat" in legs_of(each) and not each.disabled and each.kind == "chat"]
    return min(fit, key=lambda each: 1.0 if each.multiplier is None else each.multiplier, default=None)
