"""All checks at once, each bounded in time, none able to hold up or to hide another."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from copilot_api.doctor import fittings, ports, surroundings
from copilot_api.doctor.credential import credential
from copilot_api.doctor.findings import Finding, found, merged, skipped
from copilot_api.doctor.network import examine_network, in_thread
from copilot_api.doctor.programs import knower, programs
from copilot_api.doctor.situation import Situation
from copilot_api.doctor.store import store
from copilot_api.engine import flags
from copilot_api.records import record

Progress = Callable[[str], None]


@record
class Examination:
    """What was found, and what a gateway that runs says of itself."""

    findings: tuple[Finding, ...]
    answer: ports.Answer | None = None

    @property
    def has_problem(self) -> bool:
        """Tell whether something has to be mended."""
        return any(each.level == "problem" for each in self.findings)


async def examine(
    situation: Situation, before: list[Finding], progress: Progress = lambda _: None
) -> Examination:
    """Make all checks. `before` is what reading the configuration found; `progress` hears what has ended."""
    # Before there are threads: two that load the compiled module at once get in each other's way.
    with suppress(ImportError):
        flags.native_build()
    answer: ports.Answer | None = None
    models: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    near, far = situation.ceiling, situation.ceiling + 4 * situation.patience

    async def here(name: str, check: Callable[[Situation], list[Finding]]) -> list[Finding]:
        return await _bounded(name, in_thread(lambda: check(situation)), near, progress)

    async def at_the_port() -> list[Finding]:
        nonlocal answer
        findings, answer = await in_thread(lambda: ports.port(situation))
        return findings

    async def upstream() -> list[Finding]:
        if situation.settings.simulate:
            why = "the simulator stands in for GitHub (--simulate)"
            return [skipped(check, why) for check in ("credential", "network", "account", "models", "clock")]
        findings, source = await in_thread(lambda: credential(situation))
        token = source.token if source is not None else None
        told, body = await examine_network(situation, token, "there is no usable GitHub token")
        if body is not None:
            models.set_result(body)
        return [*findings, *told]

    async def set_up() -> list[Finding]:
        body = await models
        knows = None if body is None else await knower(situation, body)
        return await in_thread(lambda: programs(situation, knows))

    async def then_no_more() -> list[Finding]:
        try:
            return await _bounded("network", upstream(), far, progress)
        finally:
            if not models.done():
                models.set_result(None)

    results = await asyncio.gather(
        here("environment", surroundings.environment),
        here("config", surroundings.config_mode),
        here("data", surroundings.data),
        here("keys", fittings.keys),
        here("listener", fittings.listener),
        here("ledger", fittings.ledger),
        here("engine", fittings.engine),
        _bounded("store", in_thread(lambda: store(situation)), far, progress),
        _bounded("port", at_the_port(), near + 2 * situation.patience, progress),
        then_no_more(),
        _bounded("clients", set_up(), far + near, progress),
    )
    findings = [*before, *(each for found_there in results for each in found_there)]
    return Examination(tuple(merged(findings)), answer)


async def _bounded(
    name: str, check: Awaitable[list[Finding]], ceiling: float, progress: Progress
) -> list[Finding]:
    try:
        async with asyncio.timeout(ceiling):
            return await check
    except TimeoutError:
        return [found("check-timed-out", f"given up after {ceiling:g} s", check=name)]
    except Exception as error:
        return [found("check-failed", f"it ended with {type(error).__name__} {_place(error)}", check=name)]
    finally:
        progress(name)


def _place(error: Exception) -> str:
    """Return where it was raised; its text may quote what nobody is to see."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"at line {frame.lineno} of {Path(frame.filename).name}"
