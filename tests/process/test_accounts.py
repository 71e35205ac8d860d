"""`auth status`, `auth explain`, profiles and hosts, as a user runs them (ADR 0024)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.redaction import Secret
from copilot_api.simulator import SimulatorServer
from tests.support.process import GITHUB_TOKEN, GatewayProcess

NOWHERE = "http://127.0.0.1:9"
USAGE, USER = "/copilot_internal/user", "/user"


@pytest.fixture
def github() -> Iterator[SimulatorServer]:
    with SimulatorServer() as server:
        yield server


def run(
    home: Path, upstream: str, *words: str, token: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    gateway = GatewayProcess(home, upstream, token=token, environment=environment)
    return subprocess.run(
        [sys.executable, "-m", "copilot_api", *words],
        env=gateway.environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def store(home: Path, token: str = GITHUB_TOKEN, host: str | None = None, **environ: str) -> None:
    assert TokenFile(data_directory(home, environ), host).write(Secret(token))


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stderr == ""
    assert "ghu_test" not in done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# -------------------------------------------------------------------------------------------------- status


def test_signed_out_is_exit_code_1(github: SimulatorServer, tmp_path: Path) -> None:
    done = run(tmp_path, github.url, "auth", "status")
    assert done.returncode == 1
    assert "Not signed in at github.com: sign in with `copilot-api auth`" in done.stdout
    done = run(tmp_path, github.url, "auth", "status", "--json")
    assert done.returncode == 1
    facts = told(done)
    assert (facts["signed_in"], facts["token"]) == (False, None)
    assert github.state.requests == []
    assert list(tmp_path.iterdir()) == []


def test_who_with_what_and_who_pays(github: SimulatorServer, tmp_path: Path) -> None:
    store(tmp_path)
    done = run(tmp_path, github.url, "auth", "status", "--json")
    assert done.returncode == 0
    facts = told(done)
    assert (facts["signed_in"], facts["login"], facts["plan"]) == (True, "octocat-simulated", "individual")
    assert facts["paid_by"] == "you, by your own subscription"
    assert facts["billed_in"].startswith("premium requests")
    assert facts["token"]["kind"] == "user"
    assert facts["token"]["from"].endswith("github_token")
    assert facts["token"]["since"].startswith("20")
    text = run(tmp_path, github.url, "auth", "status").stdout
    assert "Signed in at github.com as octocat-simulated" in text
    assert "paid by  you, by your own subscription" in text
    assert GITHUB_TOKEN not in text


def test_a_refused_token_is_exit_code_1(github: SimulatorServer, tmp_path: Path) -> None:
    store(tmp_path)
    echoed = json.dumps({"message": f"Bad credentials {GITHUB_TOKEN}"}).encode()
    github.faults.add(USAGE, "status", status=401, body=echoed)
    done = run(tmp_path, github.url, "auth", "status")
    assert done.returncode == 1
    assert "GitHub refuses the token" in done.stdout
    assert GITHUB_TOKEN not in done.stdout


def test_an_account_without_copilot_is_signed_in_nevertheless(
    github: SimulatorServer, tmp_path: Path
) -> None:
    store(tmp_path)
    github.faults.add(USAGE, "status", status=404, body=b'{"message": "Not Found"}')
    done = run(tmp_path, github.url, "auth", "status")
    assert done.returncode == 0
    assert "Signed in at github.com as octocat-simulated" in done.stdout
    assert "404" in done.stdout


def test_offline_it_tells_what_lies_here(tmp_path: Path) -> None:
    store(tmp_path)
    done = run(tmp_path, NOWHERE, "auth", "status", "--json")
    assert done.returncode == 0
    facts = told(done)
    assert (facts["signed_in"], facts["accepted_by_github"]) == (True, None)
    assert "cannot reach" in facts["problem"]


# ------------------------------------------------------------------------------------------------- explain


def test_explain_lists_all_places_and_what_is_sent(github: SimulatorServer, tmp_path: Path) -> None:
    store(tmp_path)
    done = run(tmp_path, github.url, "auth", "explain", "--json", GH_TOKEN="ghp_MarkOfAnother0123456789")
    assert done.returncode == 0
    assert "MarkOfAnother" not in done.stdout
    facts = told(done)
    assert [(each["used"], each["kind"]) for each in facts["sources"]] == [
        (False, None),
        (True, "user"),
        (False, "classic"),
        (False, None),
    ]
    assert facts["used"].endswith("github_token")
    sent = next(each for each in github.state.requests if each.path == USAGE).headers
    shown = {name.lower(): value for name, value in facts["identity"]["to_github"].items()}
    assert shown.pop("authorization") == "token [redacted]"
    assert shown.items() <= sent.items(), "what is shown is what was sent"


def test_explain_says_which_file_cannot_be_used(github: SimulatorServer, tmp_path: Path) -> None:
    store(tmp_path)
    done = run(tmp_path, github.url, "auth", "explain", "--github-token-file", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "none cannot be read: No such file" in done.stdout
    assert github.state.requests == []


# ---------------------------------------------------------------------------------- profiles, hosts, no code


def test_profiles_are_accounts_apart(github: SimulatorServer, tmp_path: Path) -> None:
    assert run(tmp_path, github.url, "auth", "--profile", "work").returncode == 0
    assert not TokenFile(data_directory(tmp_path)).exists()
    assert run(tmp_path, github.url, "auth", "status").returncode == 1
    facts = told(run(tmp_path, github.url, "auth", "status", "--json", COPILOT_API_PROFILE="work"))
    assert (facts["signed_in"], facts["profile"]) == (True, "work")
    assert "/profiles/work/github_token" in facts["token"]["from"]
    facts = told(run(tmp_path, github.url, "auth", "status", "--json"))
    assert facts["other_profiles"] == ["work"]
    # Every command has it: keys of one are no keys of the other.
    assert run(tmp_path, github.url, "keys", "add", "ann", "--profile=work").returncode == 0
    assert "ann" in run(tmp_path, github.url, "keys", "list", "--profile=work").stdout
    assert "ann" not in run(tmp_path, github.url, "keys", "list").stdout
    assert run(tmp_path, github.url, "auth", "logout", "--profile", "work").returncode == 0
    assert run(tmp_path, github.url, "auth", "status", "--profile", "work").returncode == 1


def test_a_gateway_runs_on_its_profile(github: SimulatorServer, tmp_path: Path) -> None:
    store(tmp_path, COPILOT_API_PROFILE="work")
    directory = data_directory(tmp_path, {"COPILOT_API_PROFILE": "work"})
    (directory / "config.toml").write_text("verbose = true\n", encoding="utf-8")
    with GatewayProcess(tmp_path, github.url, "--profile", "work", token=None) as gateway:
        gateway.output.wait_for("Using profile work")
        gateway.output.wait_for("Verbose logging enabled")
        assert "Not logged in" not in gateway.output.text
    assert not TokenFile(data_directory(tmp_path)).path.exists()


def test_a_profile_of_an_impossible_name_is_one_plain_line(tmp_path: Path) -> None:
    done = run(tmp_path, NOWHERE, "start", "--port", "0", "--profile", "../x")
    assert done.returncode == 1
    assert "a profile cannot be called '../x'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_token_of_github_com_never_goes_to_a_tenant(github: SimulatorServer, tmp_path: Path) -> None:
    store(tmp_path)
    words = ("start", "--port", "0", "--no-sign-in", "--github-host", "acme.ghe.com")
    done = run(tmp_path, github.url, *words)
    assert done.returncode == 4
    assert github.state.requests == []
    store(tmp_path, "ghu_ofacme000000000000000000000000000000", "acme.ghe.com")
    facts = told(run(tmp_path, github.url, "auth", "status", "--json", "--github-host", "acme.ghe.com"))
    assert (facts["signed_in"], facts["host"]) == (True, "acme.ghe.com")
    sent = [each.headers["authorization"] for each in github.state.requests]
    assert sent == ["token ghu_ofacme000000000000000000000000000000"]


@pytest.mark.parametrize("command", [("start", "--port", "0"), ("check-usage",), ("models",)])
@pytest.mark.parametrize("environment", [{"COPILOT_API_SIGN_IN": "no"}, {"CI": "true"}], ids=["option", "ci"])
def test_where_nobody_enters_a_code_a_missing_token_is_exit_code_4(
    github: SimulatorServer, tmp_path: Path, command: tuple[str, ...], environment: dict[str, str]
) -> None:
    done = run(tmp_path, github.url, *command, **environment)
    assert done.returncode == 4
    assert "There is no GitHub token: run `copilot-api auth`" in done.stderr
    assert github.state.requests == []


def test_a_mounted_secret_signs_in(github: SimulatorServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{GITHUB_TOKEN}\n", encoding="utf-8")
    with GatewayProcess(
        tmp_path, github.url, "--github-token-file", str(secret), "--no-sign-in", token=None
    ) as gateway:
        gateway.output.wait_for("Using provided GitHub token")
    exchanged = next(each for each in github.state.requests if each.path == "/copilot_internal/v2/token")
    assert exchanged.headers["authorization"] == f"token {GITHUB_TOKEN}"


def test_a_classic_token_is_named_before_github_refuses_it(github: SimulatorServer, tmp_path: Path) -> None:
    done = run(tmp_path, github.url, "start", "--port", "0", token="ghp_MarkOfClassic0123456789abcdef")
    assert done.returncode == 1
    assert "GitHub never accepts classic personal access tokens for Copilot" in done.stderr
    assert "MarkOfClassic" not in done.stdout + done.stderr
