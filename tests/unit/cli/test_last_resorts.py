"""What nobody handles tells where it happened, and nothing of what with (R-08)."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.secrets

PROGRAM = """
import asyncio, gc, logging, sys, threading, warnings
from copilot_api.cli.console import Console, install_last_resorts, install_logging

console = Console({}, verbose=VERBOSE)
install_logging(console)
install_last_resorts(console)
MARK = "Mark" + "OfAPrompt"
TOKEN = "ghu_" + "MarkOfAToken0123456789"


def fail():
    prompt, token = MARK, TOKEN
    raise KeyError(f"{prompt} {token}")


class Dropped:
    def __del__(self):
        fail()


async def never_retrieved():
    async def work(prompt):
        fail()

    asyncio.get_running_loop().create_task(work(MARK))
    await asyncio.sleep(0)
    gc.collect()
    asyncio.get_running_loop().call_soon(lambda text: fail(), MARK)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


asyncio.run(never_retrieved())
Dropped()
thread = threading.Thread(target=fail, name=TOKEN)
thread.start()
thread.join()
warnings.warn(TOKEN, RuntimeWarning)
logging.getLogger("copilot_api.x").error("not a number: %d", MARK)
logging.getLogger("copilot_api.x").error("with %s", TOKEN)
logging.getLogger("uvicorn.error").error("Exception in ASGI application\\n" + MARK)
try:
    fail()
except KeyError as error:
    logging.getLogger("copilot_api.x").exception("failed")
    raise ValueError(MARK) from error
"""


@pytest.mark.parametrize("verbose", [False, True])
def test_r08_last_resorts_tell_no_secret(verbose: bool) -> None:
    program = PROGRAM.replace("VERBOSE", str(verbose))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 1
    assert "MarkOf" not in told
    for expected in (
        "asyncio: Task exception was never retrieved",
        "asyncio: Exception in callback",
        "could not be raised: KeyError",
        "a thread failed: KeyError",
        "RuntimeWarning: [redacted]",
        "a record of copilot_api.x cannot be written",
        "with [redacted]",
        "uvicorn.error: Exception in ASGI application",
        "failed",
        "uncaught: ValueError",
    ):
        assert expected in told
    assert ("in fail" in told) == verbose
    assert ("which came of:" in told) == verbose


def test_r08_a_failed_start_tells_no_secret() -> None:
    words = ["--verbose", "--api-key-file", "/nowhere/ghu_MarkOfAToken0123456789", "--host", "0.0.0.0"]
    done = subprocess.run(
        [sys.executable, "-m", "copilot_api", "start", "--port", "0", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "MarkOf" not in done.stdout + done.stderr
