"""The device flow in virtual time, with the recorded poll answers (D-R6, D-R7, R-49)."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from copilot_api.engine.client_interfaces import Relay, UpstreamCall
from copilot_api.engine.interfaces import ConnectFailed, EngineError, StreamPlan, TokenRefused
from copilot_api.github.account import fetch_login
from copilot_api.github.calls import message_of
from copilot_api.github.device_flow import DeviceCode, SignInFailed, poll_for_token, request_code
from copilot_api.github.token_exchange import exchange_token
from copilot_api.redaction import Secret
from copilot_api.settings import Settings
from tests.support.virtual_time import now, run_virtual

AUTH = Path(__file__).parents[2] / "fixtures/upstream/auth"


class Answer:
    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {}
        self._body = body

    async def read(self, limit: int) -> bytes:
        return self._body

    def relay(self, plan: StreamPlan) -> Relay:
        raise NotImplementedError

    async def aclose(self) -> None:
        return


class Script:
    """A client that plays answers: JSON values, `(status, text)` pairs, or exceptions; the last one stays."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[UpstreamCall, float]] = []

    async def request(self, call: UpstreamCall) -> Answer:
        self.calls.append((call, now() if asyncio.get_running_loop() else 0.0))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            return Answer(answer[0], answer[1].encode())
        return Answer(200, json.dumps(answer).encode())

    async def aclose(self) -> None:
        return


def recorded(name: str) -> Any:
    value = json.loads((AUTH / f"{name}.json").read_text(encoding="utf-8"))
    if "body" in value and "status" in value:
        return value["status"], value["body"]
    return value


CODE = DeviceCode("AB-CD", "https://github.com/login/device", Secret("d"), 5.0, 899.0)
PENDING = recorded("access_token_pending")
GRANTED = recorded("access_token_ok_ghu")


def poll(*answers: Any, code: DeviceCode = CODE) -> tuple[str | None, list[float], str]:
    """Return the token, the times of the polls, and the error."""
    script = Script(*answers)

    async def main() -> tuple[str | None, str]:
        try:
            token = await poll_for_token(script, Settings(), code, sleep=asyncio.sleep, clock=now)
            return token.reveal(), ""
        except EngineError as error:
            return None, str(error)

    token, error = run_virtual(main())
    return token, [time for _, time in script.calls], error


def test_pending_then_granted_at_the_interval() -> None:
    token, times, _ = poll(PENDING, PENDING, GRANTED)
    assert token is not None
    assert token.startswith("ghu_")
    assert times == [0, 6, 12]


def test_d_r6_slow_down_lengthens_the_pace_for_good() -> None:
    plain = {"error": "slow_down"}
    _, times, _ = poll(PENDING, plain, PENDING, GRANTED)
    assert times == [0, 6, 17, 28]
    _, times, _ = poll(recorded("access_token_slow_down"), GRANTED)
    assert times[1] >= 11


@pytest.mark.parametrize("answer", ["access_token_expired", "access_token_denied"])
def test_d_r6_terminal_answers_end_it(answer: str) -> None:
    token, times, error = poll(PENDING, recorded(answer))
    assert token is None
    assert len(times) == 2
    assert error


def test_d_r6_ends_when_the_code_expires() -> None:
    token, times, error = poll(PENDING)
    assert token is None
    assert times[-1] <= 899
    assert "expired" in error


def test_d_r7_network_failures_and_bad_statuses_are_tried_again() -> None:
    token, times, _ = poll(ConnectFailed("down"), ConnectFailed("down"), (500, "oops"), GRANTED)
    assert token is not None
    assert len(times) == 4


def test_unreadable_answer_is_terminal() -> None:
    assert "cannot be read" in poll([1])[2]


def asked_code(**answer: Any) -> DeviceCode:
    async def main() -> DeviceCode:
        return await request_code(Script({"device_code": "d", "user_code": "AB-CD"} | answer), Settings())

    return run_virtual(main())


@pytest.mark.parametrize("interval", [None, "soon", -5, True])
def test_d_r7_missing_or_odd_interval_is_five_seconds(interval: Any) -> None:
    assert asked_code(interval=interval).interval == 5.0


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/login",
        "https://github.com.evil.example/login/device",
        "https://github.com@evil.example/login/device",
        "http://github.com/login/device",
        "https://github.com/login/oauth/authorize?client_id=evil",
        "javascript://github.com/login/device",
        "https://github.com/login/device\x1b[2Jelsewhere",
        None,
        7,
    ],
)
def test_r49_only_the_official_address_is_shown(address: Any) -> None:
    assert asked_code(verification_uri=address).verification_uri == "https://github.com/login/device"


@pytest.mark.parametrize("code", ['AB" in https://evil.example "', "AB\n", "", 7, None])
def test_r49_a_user_code_that_is_none_ends_it(code: Any) -> None:
    with pytest.raises(SignInFailed):
        asked_code(user_code=code)


@pytest.mark.parametrize("interval", [0.0, 5.0, 400.0, 1e9])
@pytest.mark.parametrize("error", ["authorization_pending", "slow_down"])
def test_r49_polling_is_bounded_whatever_the_pace(interval: float, error: str) -> None:
    code = DeviceCode("AB-CD", "https://github.com/login/device", Secret("d"), interval, 899.0)
    token, times, words = poll({"error": error, "interval": interval}, code=code)
    assert token is None
    assert "expired" in words
    assert times[-1] <= 899
    assert all(late - early >= interval + 1 for early, late in itertools.pairwise(times))


def test_r49_cancelling_ends_the_wait_at_once() -> None:
    """What Ctrl-C does within the loop."""

    async def main() -> float:
        polling = asyncio.create_task(
            poll_for_token(Script(PENDING), Settings(), CODE, sleep=asyncio.sleep, clock=now)
        )
        await asyncio.sleep(3)
        polling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await polling
        return now()

    assert run_virtual(main()) == 3


def test_d_r5_error_body_that_is_not_json_is_reported() -> None:
    async def main() -> None:
        await request_code(Script((503, "<html>busy</html>")), Settings())

    with pytest.raises(EngineError, match=r"503: <html>busy"):
        run_virtual(main())


def test_code_without_a_code() -> None:
    async def main() -> None:
        await request_code(Script({}), Settings())

    with pytest.raises(SignInFailed):
        run_virtual(main())


# Token exchange


@pytest.mark.parametrize(
    "name",
    ["copilot_token_individual", "copilot_token_business", "copilot_token_free", "copilot_token_minimal"],
)
def test_recorded_token_answers(name: str) -> None:
    script = Script(recorded(name))

    async def main() -> Any:
        return await exchange_token(script, Settings(), Secret("ghu_x"))

    grant = run_virtual(main())
    body = json.loads((AUTH / f"{name}.json").read_text(encoding="utf-8"))
    assert grant.token.reveal() == body["token"]
    assert grant.refresh_in == body["refresh_in"]
    assert grant.api_url == body.get("endpoints", {}).get("api")
    headers = dict(script.calls[0][0].headers)
    assert headers["authorization"] == "token ghu_x"
    assert headers["editor-version"] == "vscode/1.104.3"


@pytest.mark.parametrize(
    ("name", "permanent"),
    [
        ("copilot_token_401", True),
        ("copilot_token_403_not_signed_up", True),
        ("copilot_token_403_feature_flag", True),
        ("copilot_token_403_integration", True),
        ("copilot_token_403_rate_limit", False),
    ],
)
def test_recorded_refusals_say_what_to_do(name: str, permanent: bool) -> None:
    status, body = recorded(name)

    async def main() -> None:
        await exchange_token(Script((status, body)), Settings(), Secret("ghu_x"))

    with pytest.raises(EngineError) as caught:
        run_virtual(main())
    assert isinstance(caught.value, TokenRefused) is permanent
    assert "ghu_x" not in str(caught.value)
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("number", ["1500", 1500, 1500.0])
def test_numbers_may_be_strings(number: Any) -> None:
    async def main() -> Any:
        return await exchange_token(Script({"token": "t", "refresh_in": number}), Settings(), Secret("g"))

    assert run_virtual(main()).refresh_in == 1500


@pytest.mark.parametrize("number", [None, True, "soon", [], "nan", "inf"])
def test_r46_numbers_that_are_none(number: Any) -> None:
    async def main() -> Any:
        return await exchange_token(Script({"token": "t", "refresh_in": number}), Settings(), Secret("g"))

    assert run_virtual(main()).refresh_in is None


def test_connection_failure_is_tried_once_more() -> None:
    script = Script(ConnectFailed("down"), {"login": "me"})

    async def main() -> str:
        return await fetch_login(script, Settings(), Secret("g"))

    assert run_virtual(main()) == "me"
    assert len(script.calls) == 2


def test_reasons_are_read_from_any_shape() -> None:
    assert message_of(b'{"error_details":{"title":"T","message":"m","url":"u"}}') == "T - m - u"
    assert message_of(b'{"message":"m"}') == "m"
    assert message_of(b"plain\ntext") == "plain text"
