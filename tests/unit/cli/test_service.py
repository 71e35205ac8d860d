"""`copilot-api service` against stand-ins for systemctl and launchctl, which write down their orders."""

from __future__ import annotations

import configparser
import json
import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot_api.cli import service
from copilot_api.cli.arguments import parse
from copilot_api.cli.commands import COMMANDS
from copilot_api.cli.console import Console
from copilot_api.cli.main import Invocation
from copilot_api.configuration import ConfigurationError

Run = Callable[..., tuple[int, str, str]]

UNIT = "copilot-api.service"
STAND_IN = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "{calls}"
for broken in $(cat "{broken}"); do
    case " $* " in *" $broken "*) echo "told to fail" >&2; exit 1 ;; esac
done
case " $* " in *" show "*|*" print gui/"*/*) cat "{answer}" ;; esac
"""
RUNNING = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=4711\n"
STOPPED = "LoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=enabled\nMainPID=0\n"
AGENT = "gui/0/io.github.copilot-api = {\n\tactive count = 1\n\tstate = running\n\n\tpid = 4711\n}\n"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")


class Machine:
    """A home, and stand-ins that obey."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.programs = home / "programs"
        self.programs.mkdir()
        self.answer, self.broken, self._calls = (home / name for name in ("answer", "broken", "calls"))
        self.answer.write_text(RUNNING, encoding="utf-8")
        self.broken.touch()
        self._calls.touch()
        text = STAND_IN.format(calls=self._calls, broken=self.broken, answer=self.answer)
        for name in ("systemctl", "launchctl"):
            (self.programs / name).write_text(text, encoding="utf-8")
            (self.programs / name).chmod(0o755)
        self.unit = home / ".config/systemd/user" / UNIT
        self.agent = home / "Library/LaunchAgents/io.github.copilot-api.plist"
        self.data = home / ".local/share/copilot-api"

    def calls(self) -> list[str]:
        return self._calls.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{made.programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("COPILOT_API_PROFILE", raising=False)
    monkeypatch.setattr(service, "_platform", "linux")
    return made


@pytest.fixture
def on_macos(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(service, "_platform", "darwin")
    machine.answer.write_text(AGENT, encoding="utf-8")
    return machine


@pytest.fixture
def run(machine: Machine, capsys: pytest.CaptureFixture[str]) -> Run:
    command = next(each for each in COMMANDS if each.name == "service")

    def run(*words: str) -> tuple[int, str, str]:
        code = service.run(Invocation(parse(words, command.flags()), Console(verbose=False), machine.home))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def unit(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def test_print_shows_the_unit_and_does_nothing(run: Run, machine: Machine) -> None:
    code, out, err = run("install", "--print", "--", "--port", "8080")
    assert (code, err, machine.calls()) == (0, "", [])
    assert not machine.unit.exists()
    found = unit(out)
    assert found["Service"]["ExecStart"] == f"{sys.executable} -m copilot_api start --no-sign-in --port 8080"
    assert found["Service"]["EnvironmentFile"] == f"-{machine.data}/service.env"
    assert found["Service"]["Restart"] == "on-failure"
    assert found["Service"]["NoNewPrivileges"] == "yes"
    assert "AF_NETLINK" in found["Service"]["RestrictAddressFamilies"], "who asks is found by netlink"
    assert found["Install"]["WantedBy"] == "default.target"


def test_streams_are_given_their_time_at_the_end(run: Run) -> None:
    found = unit(run("install", "--print", "--", "--drain-timeout", "100")[1])
    assert int(found["Service"]["TimeoutStopSec"]) > 100


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_takes_the_unit(run: Run, tmp_path: Path) -> None:
    options = ["--alias", "a b=100%$x", "--public-host", 'quo"te\\']
    path = tmp_path / UNIT
    path.write_text(run("install", "--print", "--", *options)[1], encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(path)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_words_mean_nothing_to_systemd(run: Run) -> None:
    out = run("install", "--print", "--", "--alias", "a b=100%$x", "--public-host", 'quo"te\\')[1]
    assert unit(out)["Service"]["ExecStart"].endswith('--alias "a b=100%%$$x" --public-host "quo\\"te\\\\"')


def test_install_writes_enables_and_starts(run: Run, machine: Machine) -> None:
    code, out, _ = run("install")
    assert code == 0
    assert str(machine.unit) in out
    assert "enable-linger" in out
    assert machine.unit.stat().st_mode & 0o777 == 0o600
    assert (machine.data / "service.env").stat().st_mode & 0o777 == 0o600
    assert machine.calls() == [
        "systemctl --user show-environment",
        "systemctl --user daemon-reload",
        f"systemctl --user enable {UNIT}",
        f"systemctl --user reset-failed {UNIT}",
        f"systemctl --user restart {UNIT}",
    ]


def test_no_start_only_enables(run: Run, machine: Machine) -> None:
    assert run("install", "--no-start")[0] == 0
    assert machine.calls()[-1] == f"systemctl --user enable {UNIT}"


def test_installed_again_it_keeps_the_environment(run: Run, machine: Machine) -> None:
    run("install")
    (machine.data / "service.env").write_text("A=b\n", encoding="utf-8")
    told = json.loads(run("install", "--json", "--", "--port", "8080")[1])
    assert told["changed"] is True
    assert told["running"] is True
    assert "8080" in machine.unit.read_text(encoding="utf-8")
    assert (machine.data / "service.env").read_text(encoding="utf-8") == "A=b\n"


def test_who_is_not_signed_in_is_told(run: Run, machine: Machine) -> None:
    assert "copilot-api auth" in run("install")[2]
    assert "copilot-api auth" not in run("install", "--", "--simulate")[2]
    (machine.data / "service.env").write_text("GH_TOKEN=ghu_x\n", encoding="utf-8")
    assert "copilot-api auth" not in run("install")[2]
    (machine.data / "service.env").unlink()
    (machine.data / "github_token").write_text("ghu_x", encoding="utf-8")
    assert "copilot-api auth" not in run("install")[2]


def test_each_profile_has_a_service(run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_API_PROFILE", "work")
    assert run("install")[0] == 0
    path = machine.unit.with_name("copilot-api-work.service")
    found = unit(path.read_text(encoding="utf-8"))
    assert "start --profile work " in found["Service"]["ExecStart"]
    assert found["Service"]["EnvironmentFile"].endswith("/profiles/work/service.env")
    assert machine.calls()[-1] == "systemctl --user restart copilot-api-work.service"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--github-token", "ghu_x"], "COPILOT_API_GITHUB_TOKEN=… into"),
        (["--api-key=abc"], "COPILOT_API_API_KEY=… into"),
        (["--prot", "1"], "no --prot"),
        (["port"], "no port"),
        (["--port", "x"], "'x' is not a number"),
        (["--manual"], "ask at a terminal"),
        (["--tls-key", "key.pem"], "the whole path of key.pem"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_done(
    run: Run, machine: Machine, options: list[str], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why) as refused:
        run("install", "--", *options)
    assert "ghu_x" not in str(refused.value)
    assert machine.calls() == []
    assert not machine.unit.exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "write `copilot-api service install`"),
        (["instal"], "write `copilot-api service install`"),
        (["status", "now"], "write `copilot-api service install`"),
        (["install", "--port", "8080"], "--port means nothing to `service install`"),
        (["status", "--force"], "--force means nothing to `service status`"),
    ],
)
def test_what_is_not_understood_does_nothing(run: Run, machine: Machine, words: list[str], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        run(*words)
    assert machine.calls() == []


def test_without_a_user_manager_nothing_is_written(run: Run, machine: Machine) -> None:
    machine.broken.write_text("show-environment", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"no systemd user manager answers here .*told to fail"):
        run("install")
    assert not machine.unit.exists()
    assert not machine.data.exists()


def test_without_systemd_it_says_what_to_do(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine.home))
    with pytest.raises(ConfigurationError, match="restart policy"):
        run("install")


def test_a_failing_manager_is_quoted(run: Run, machine: Machine) -> None:
    machine.broken.write_text("restart", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"systemctl --user restart {UNIT} failed: told to fail"):
        run("install")


def test_a_unit_of_another_is_left_alone(run: Run, machine: Machine) -> None:
    machine.unit.parent.mkdir(parents=True)
    machine.unit.write_text("[Service]\n", encoding="utf-8")
    for words in (["install"], ["uninstall"]):
        with pytest.raises(ConfigurationError, match="left alone"):
            run(*words)
    assert machine.unit.read_text(encoding="utf-8") == "[Service]\n"
    assert run("install", "--force")[0] == 0
    assert "ExecStart" in machine.unit.read_text(encoding="utf-8")


def test_status_for_a_person_and_a_program(run: Run, machine: Machine) -> None:
    run("install")
    code, out, _ = run("status")
    assert code == 0
    assert out.splitlines()[:2] == ["systemd: active (running), process 4711", "starts at log-in: yes"]
    told = json.loads(run("status", "--json")[1])
    assert (told["manager"], told["running"], told["pid"]) == ("systemd", True, 4711)
    machine.answer.write_text(STOPPED, encoding="utf-8")
    code, out, _ = run("status", "--json")
    assert (code, json.loads(out)["state"], json.loads(out)["pid"]) == (3, "failed (failed)", None)


def test_status_of_what_is_not_installed(run: Run, machine: Machine) -> None:
    machine.answer.write_text("LoadState=not-found\nActiveState=inactive\nMainPID=0\n", encoding="utf-8")
    code, out, _ = run("status")
    assert (code, "Not installed" in out) == (3, True)
    assert json.loads(run("status", "--json")[1])["installed"] is False


def test_status_without_a_manager_is_unknown(run: Run, machine: Machine) -> None:
    run("install")
    machine.broken.write_text("show-environment", encoding="utf-8")
    code, out, _ = run("status")
    assert code == 3
    assert "unknown: no systemd user manager" in out


def test_uninstall_stops_and_removes(run: Run, machine: Machine) -> None:
    run("install")
    code, _, _ = run("uninstall")
    assert code == 0
    assert not machine.unit.exists()
    assert (machine.data / "service.env").exists()
    assert machine.calls()[-2:] == [
        f"systemctl --user disable --now {UNIT}",
        "systemctl --user daemon-reload",
    ]
    assert "Nothing to remove" in run("uninstall")[1]
    assert json.loads(run("uninstall", "--json")[1])["removed"] is False


# ------------------------------------------------------------------------------------------------- launchd


def test_the_agent_is_a_property_list(run: Run, on_macos: Machine) -> None:
    out = run("install", "--print", "--", "--port", "8080")[1]
    agent = plistlib.loads(out.encode())
    assert agent["Label"] == "io.github.copilot-api"
    assert agent["ProgramArguments"][:2] == ["/bin/sh", "-c"]
    assert agent["ProgramArguments"][4:] == [
        sys.executable,
        "-m",
        "copilot_api",
        "start",
        "--no-sign-in",
        "--port",
        "8080",
    ]
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["Umask"] == 0o077
    assert not on_macos.agent.exists()


def test_the_agent_s_shell_reads_the_environment_and_becomes_the_program(run: Run, on_macos: Machine) -> None:
    words = plistlib.loads(run("install", "--print")[1].encode())["ProgramArguments"]
    on_macos.data.mkdir(parents=True)
    (on_macos.data / "service.env").write_text("# mine\nGIVEN='a b$c'\n", encoding="utf-8")
    for expected in ("a b$c", "none"):
        done = subprocess.run(
            [*words[:4], sys.executable, "-c", "import os; print(os.environ.get('GIVEN', 'none'))"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout.strip() == expected
        (on_macos.data / "service.env").unlink(missing_ok=True)


def test_the_agent_is_loaded_anew(run: Run, on_macos: Machine) -> None:
    domain = f"gui/{os.getuid()}"
    assert run("install")[0] == 0
    assert on_macos.agent.exists()
    assert on_macos.calls() == [
        f"launchctl print {domain}",
        f"launchctl bootout {domain}/io.github.copilot-api",
        f"launchctl bootstrap {domain} {on_macos.agent}",
    ]


def test_an_agent_that_is_not_started_waits_for_the_log_in(run: Run, on_macos: Machine) -> None:
    assert "log in next" in run("install", "--no-start")[1]
    assert not any("bootstrap" in call for call in on_macos.calls())


def test_the_agent_s_standing(run: Run, on_macos: Machine) -> None:
    run("install")
    told = json.loads(run("status", "--json")[1])
    assert (told["manager"], told["running"], told["state"], told["pid"]) == (
        "launchd",
        True,
        "running",
        4711,
    )
    assert run("uninstall")[0] == 0
    assert not on_macos.agent.exists()


def test_without_a_session_at_the_screen_nothing_is_written(run: Run, on_macos: Machine) -> None:
    on_macos.broken.write_text("print", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="log in at the screen"):
        run("install")
    assert not on_macos.agent.exists()


def test_windows_is_told_plainly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_platform", "win32")
    with pytest.raises(ConfigurationError, match=r"not supported on Windows.*schtasks /Create"):
        run("install")
