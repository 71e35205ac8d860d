"""What the official SDKs for Node make of failures; in Python it is `tests/e2e/test_sdk_failures.py`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running import Place, node, run
from tests.support.faults.legs import CHAT, MESSAGES, RESPONSES
from tests.support.faults.scenarios import BEFORE, BY_NAME, WITHIN, name_of, play
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import ScriptedUpstream

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

PROGRAMS = Path(__file__).parent / "programs"
MODELS = {"chat": CHAT.model, "responses": RESPONSES.model, "messages": MESSAGES.model}
CLASSES = {
    402: ("APIError", "PaymentRequiredError"),
    429: ("RateLimitError",),
    503: ("ServiceUnavailableError",),
    504: ("GatewayTimeoutError",),
}
"""Some SDKs have finer classes than the usual ones."""
KINDS = {"openai_failures.mjs": ("chat", "responses"), "anthropic_failures.mjs": ("messages",)}


@pytest.mark.parametrize("program", KINDS)
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_r26_r37_r38_each_failure_is_an_error_that_helps(
    program: str, engine: str, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    names = json.dumps([scenario.name for scenario in BEFORE + WITHIN])
    limits = ("--engine", engine, "--stream-idle-timeout", "2")
    home = tmp_path_factory.mktemp("home")
    with ScriptedUpstream() as upstream, GatewayProcess(home, upstream.url, *limits) as gateway:
        play(upstream)
        # All at once: one after the other would wait a second for each that is tried again.
        printed = run(place, [node(), str(PROGRAMS / program), gateway.url, json.dumps(MODELS), names], {})
        attempts = Counter(
            f"{kind} {name_of(attempt)}"
            for attempt in upstream.attempts()
            for kind in KINDS[program]
            if f" {kind}".encode() in attempt.body
        )
    found: dict[str, dict[str, Any]] = json.loads(printed)
    assert len(found) == len(BY_NAME) * len(KINDS[program])
    wrong = [
        f"{key}: {told}, upstream was asked {attempts[key]} times"
        for key, told in found.items()
        if not is_right(key, told) or attempts[key] != BY_NAME[key.split()[1]].asked
    ]
    assert not wrong, "\n".join(wrong)


def is_right(key: str, told: dict[str, Any]) -> bool:
    kind, name = key.split()
    scenario = BY_NAME[name]
    if not told.get("known") or told["connection"] or scenario.says not in told["message"]:
        return False
    if told["text"] != scenario.text:
        return False
    if scenario.error == "stream":
        return True
    status = 429 if kind == "responses" and scenario.status == 402 else scenario.status
    return told["status"] == status and told["error"] in (*CLASSES.get(status, ()), scenario.error)
