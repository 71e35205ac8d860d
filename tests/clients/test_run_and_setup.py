"""``copilot-api run`` and ``copilot-api setup`` with the programs themselves: an answer, and no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from copilot_api.simulator import SimulatorServer
from tests.clients.conftest import Asked
from tests.clients.running import LONGEST, MODULES, Place, from_npm, from_pip, installed
from tests.support.process import GatewayProcess, clean_environment

pytestmark = [pytest.mark.timeout(300)]

PROMPT = "Say something about Lisbon."
ANSWER = "I am a simulator, so this is all I know about it"


class Program(NamedTuple):
    """A client: its arguments, its files as a user has them, what else it needs, what it asks."""

    arguments: tuple[str, ...]
    files: Mapping[str, str]
    environment: Mapping[str, str]
    leg: str


PROGRAMS = {
    "claude": Program(
        ("-p", PROMPT),
        {".claude/settings.json": '{\n    "env": { "ANTHROPIC_BASE_URL":"http://localhost:1" }\n}'},
        {"DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1"},
        "/v1/messages",
    ),
    "codex": Program(
        ("exec", "--skip-git-repo-check", PROMPT),
        {".codex/config.toml": '# mine\nmodel = "o3" # dear\n\n[tui]\nnotifications = false'},
        {},
        "/responses",
    ),
    "gemini": Program(
        ("-p", PROMPT),
        {
            ".gemini/settings.json": '{"general": {"enableAutoUpdate": false} /* mine */}',
            ".gemini/.env": "GOOGLE_GEMINI_BASE_URL=http://localhost:1\nMINE=1",
        },
        {"GEMINI_CLI_TRUST_WORKSPACE": "true"},
        "/chat/completions",
    ),
    "opencode": Program(
        ("run", PROMPT),
        # It adds the schema itself where that is missing.
        {
            ".config/opencode/opencode.jsonc": '{\n  "$schema": "https://opencode.ai/config.json",\n'
            '  "autoupdate": false, // mine\n  "share": "disabled",\n}\n'
        },
        {
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            # Beside a configuration it installs what plugins would need.
            "npm_config_offline": "true",
        },
        "/chat/completions",
    ),
}


def program_folder(name: str) -> Path:
    """Where a client's program lies."""
    if name == "opencode":
        path = installed(MODULES / "opencode-linux-x64/bin/opencode", "make test-clients (on Linux, x64)")
    elif name == "aider":
        path = from_pip("aider", "aider")
    else:
        path = from_npm(name)
    return Path(path).parent


def run(
    place: Place, name: str, command: list[str], more: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command line with the client on PATH."""
    environment = clean_environment(place.home, more)
    environment["PATH"] = f"{program_folder(name)}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        command,
        cwd=place.work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LONGEST,
        check=False,
    )


def ours(*words: str) -> list[str]:
    return [sys.executable, "-m", "copilot_api", *words]


def write(place: Place, program: Program) -> dict[Path, bytes]:
    """Write the user's files; return what stands in them."""
    for name, text in program.files.items():
        path = place.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {place.home / name: text.encode() for name, text in program.files.items()}


@pytest.mark.clients
@pytest.mark.parametrize("name", PROGRAMS)
def test_run_answers_and_touches_nothing(place: Place, name: str) -> None:
    program = PROGRAMS[name]
    before = write(place, program)
    done = run(place, name, ours("run", "--simulate", name, "--", *program.arguments), program.environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert ANSWER in done.stdout
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.clients
@pytest.mark.parametrize("name", PROGRAMS)
def test_setup_answers_and_is_undone(
    gateway: GatewayProcess, place: Place, asked: Callable[[], list[Asked]], name: str
) -> None:
    program = PROGRAMS[name]
    before = write(place, program)
    done = run(place, name, ours("setup", name, "--yes", "--url", gateway.url), {})
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in before} != before
    done = run(place, name, [str(program_folder(name) / name), *program.arguments], program.environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert ANSWER in done.stdout
    assert {each.path for each in asked()} == {program.leg}
    undone = run(place, name, ours("setup", "--undo", name), {})
    assert undone.stdout.count("is as it was, to the byte") == len(before), undone.stdout
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.clients
def test_a_key_stays_in_its_variable(simulator: SimulatorServer, place: Place, tmp_path: Path) -> None:
    key = "cak_a-key-of-the-tests-0123456789"
    gateway_home = tmp_path / "gateway"
    gateway_home.mkdir()
    with GatewayProcess(gateway_home, simulator.url, "--api-key", key) as gateway:
        for name in ("claude", "codex"):
            program = PROGRAMS[name]
            command = ours("setup", name, "--yes", "--url", gateway.url, "--key-env", "MINE")
            done = run(place, name, command, {"MINE": key})
            assert done.returncode == 0, done.stderr
            command = [str(program_folder(name) / name), *program.arguments]
            done = run(place, name, command, {**program.environment, "MINE": key})
            assert ANSWER in done.stdout, f"{done.stdout}\n{done.stderr}"
    settings = [place.home / path for name in ("claude", "codex") for path in PROGRAMS[name].files]
    assert not [path for path in settings if key in path.read_text(encoding="utf-8")]


@pytest.mark.clients
def test_the_exit_code_is_the_programs(gateway: GatewayProcess, place: Place) -> None:
    wrong = ("exec", "--no-such-option")
    direct = run(place, "codex", [str(program_folder("codex") / "codex"), *wrong], {})
    through = run(place, "codex", ours("run", "--port", str(gateway.port), "codex", "--", *wrong), {})
    assert direct.returncode not in (0, 1)
    assert (through.returncode, through.stderr) == (direct.returncode, direct.stderr)


@pytest.mark.aider
def test_aider(gateway: GatewayProcess, place: Place, asked: Callable[[], list[Asked]]) -> None:
    prices = place.home / ".aider/caches/model_prices_and_context_window.json"
    prices.parent.mkdir(parents=True)
    prices.write_text('{"none": {}}', encoding="utf-8")
    configuration = place.home / ".aider.conf.yml"
    configuration.write_text("# mine\nmodel: openai/o3\ndark-mode: true\n", encoding="utf-8")
    before = configuration.read_bytes()
    quiet = ("--no-git", "--no-check-update", "--no-analytics", "--no-pretty", "--no-show-model-warnings")
    arguments = (*quiet, "--no-show-release-notes", "--yes-always", "--message", PROMPT)
    more = {"LITELLM_LOCAL_MODEL_COST_MAP": "true"}
    done = run(place, "aider", ours("run", "--port", str(gateway.port), "aider", "--", *arguments), more)
    assert ANSWER in done.stdout, f"{done.stdout}\n{done.stderr}"
    assert configuration.read_bytes() == before
    done = run(place, "aider", ours("setup", "aider", "--yes", "--url", gateway.url), {})
    assert done.returncode == 0, done.stderr
    done = run(place, "aider", [str(program_folder("aider") / "aider"), *arguments], more)
    assert ANSWER in done.stdout, f"{done.stdout}\n{done.stderr}"
    assert {each.path for each in asked()} == {"/chat/completions"}
    run(place, "aider", ours("setup", "--undo", "aider"), {})
    assert configuration.read_bytes() == before
