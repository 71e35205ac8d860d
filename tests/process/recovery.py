"""How soon service is back after a fault: the figures of the reliability table (R-45, R-47).

Each function needs a gateway in front of a simulator, does one fault, and returns the seconds from its end to
the end of the first good answer.
"""

from __future__ import annotations

import signal
import time

from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, request
from tests.support.process import GatewayProcess

TOKEN = "/copilot_internal/v2/token"
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
ALL = 1_000_000
"""More requests than any outage sees."""


def ask(gateway: GatewayProcess) -> Answer:
    """Make one request that upstream bills."""
    return request(gateway.url, "POST", "/v1/chat/completions", CHAT)


def exchanges(simulator: SimulatorServer) -> int:
    """Token requests so far."""
    return sum(each.path == TOKEN for each in simulator.state.requests)


def first_success(gateway: GatewayProcess) -> float:
    """Ask until there is a good answer; return how long that took."""
    began = time.monotonic()
    while (answer := ask(gateway)).status != 200:
        assert answer.status == 503, answer
        assert time.monotonic() - began < 60, "service does not return"
    return time.monotonic() - began


def after_token_outage(gateway: GatewayProcess, simulator: SimulatorServer, kind: str = "status") -> float:
    """Revoke the token while the token service fails in a way of `simulator.faults`, and mend it."""
    simulator.revoke_tokens()
    simulator.faults.add(TOKEN, kind, status=500, body=b"down", times=ALL)
    try:
        for _ in range(2):
            refused = ask(gateway)
            assert refused.status == 503, refused
            assert int(refused.headers["retry-after"]) >= 1
    finally:
        simulator.faults.clear()
    return first_success(gateway)


def after_sleep(gateway: GatewayProcess, simulator: SimulatorServer) -> float:
    """Stop the process as a closed lid does, revoke the token, and wake it."""
    gateway.process.send_signal(signal.SIGSTOP)
    simulator.revoke_tokens()
    gateway.process.send_signal(signal.SIGCONT)
    began = time.monotonic()
    answer = ask(gateway)
    assert answer.status == 200, answer
    return time.monotonic() - began
