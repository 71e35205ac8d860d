"""Each way in which a set-up can be broken is called by its name, and by no other."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from copilot_api.engine import flags
from copilot_api.simulator.models import model_list
from tests.doctor.patient import Patient, named
from tests.support.process import GITHUB_TOKEN

EXCHANGE, MODELS = "/copilot_internal/v2/token", "/models"
AUTH = Path(__file__).resolve().parents[1] / "fixtures/upstream/auth"

Break = Callable[[Patient], "AbstractContextManager[None] | None"]
CASES: list[tuple[str, Break, str]] = []


def case(cause: str, says: str = "") -> Callable[[Break], Break]:
    """A way to break the set-up: the cause that is to be named, and words of what is said of it."""

    def keep(breaks: Break) -> Break:
        CASES.append((cause, breaks, says))
        return breaks

    return keep


def test_nothing_is_wrong_with_a_healthy_set_up(patient: Patient) -> None:
    patient.write("config.toml", "rate_limit = 3\n")
    patient.with_ledger()
    examination = patient.examine()
    assert named(examination) == {}
    assert not examination.has_problem
    # The simulator lists a model that its policy has turned off, as GitHub does.
    assert {each.level for each in examination.findings} == {"ok", "note", "skipped"}
    assert [each.check for each in examination.findings if each.level == "skipped"] == ["gateway", "clients"]


def test_with_the_simulator_nobody_has_to_be_signed_in(patient: Patient) -> None:
    (patient.directory / "github_token").unlink()
    patient.flags["simulate"] = True
    patient.simulator.state.requests.clear()
    examination = patient.examine()
    assert named(examination) == {}
    assert {"credential", "network"} <= {
        each.check for each in examination.findings if each.level == "skipped"
    }
    assert patient.simulator.state.requests == []


# ------------------------------------------------------------------------------------ config, environment


@case("config-unknown-option", "there is no option 'prot'")
def unknown_option(patient: Patient) -> None:
    patient.write("config.toml", "prot = 4141\n")


@case("config-bad-value", "rate_limit")
def bad_value(patient: Patient) -> None:
    patient.write("config.toml", 'verbose = true\nrate_limit = "often"\n')


@case("config-unreadable", "at line 1")
def no_toml(patient: Patient) -> None:
    patient.write("config.toml", "port 4141\n")


@case("config-open-to-others", "mode 0644")
def loose_config(patient: Patient) -> None:
    patient.write("config.toml", 'api-key = "a-secret-of-this-machine"\n', 0o644)


@case("flag-bad-value", "--max-concurrency")
def bad_flag(patient: Patient) -> None:
    patient.flags["max_concurrency"] = "0"


@case("environment-bad-value", "$COPILOT_API_RATE_LIMIT")
def bad_variable(patient: Patient) -> None:
    patient.set("COPILOT_API_RATE_LIMIT", "often")


@case("environment-unknown-option", "COPILOT_API_PROT")
def misspelt_variable(patient: Patient) -> None:
    patient.set("COPILOT_API_PROT", "4141")


@case("token-unused", "github_token comes first")
def two_tokens(patient: Patient) -> None:
    patient.set("GH_TOKEN", "gho_another0123456789")


@case("ca-file-unusable")
def no_certificates(patient: Patient) -> None:
    patient.set("SSL_CERT_FILE", str(patient.write("none.pem", "nothing")))


# ------------------------------------------------------------------------------------------ data directory


@case("data-open-to-others", "mode 0755")
def loose_directory(patient: Patient) -> None:
    patient.directory.chmod(0o755)


@case("data-no-directory")
def file_in_the_way(patient: Patient) -> None:
    (patient.home / "file").write_text("", encoding="utf-8")
    patient.directory = patient.home / "file" / "copilot-api"
    patient.set("COPILOT_API_GITHUB_TOKEN", GITHUB_TOKEN)


@contextmanager
def small_disk(patient: Patient) -> Iterator[Path]:
    mounted = patient.directory / "small"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(mounted)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a small file system")
    try:
        patient.directory = mounted
        patient.set("COPILOT_API_GITHUB_TOKEN", GITHUB_TOKEN)
        yield mounted
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)


@case("data-read-only", "Read-only file system")
@contextmanager
def read_only(patient: Patient) -> Iterator[None]:
    with small_disk(patient) as mounted:
        subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
        yield


@case("data-disk-full", "No space left")
@contextmanager
def full(patient: Patient) -> Iterator[None]:
    with small_disk(patient) as mounted, (mounted / "filler").open("wb", buffering=0) as filler:
        with contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        yield


@case("data-not-writable")
@contextmanager
def write_refused(patient: Patient) -> Iterator[None]:
    if os.getuid() == 0:
        pytest.skip("root may write everywhere")
    patient.directory.chmod(0o500)
    try:
        yield
    finally:
        patient.directory.chmod(0o700)


# ---------------------------------------------------------------------------------------------- credential


@case("not-signed-in")
def signed_out(patient: Patient) -> None:
    (patient.directory / "github_token").unlink()


@case("token-kind-refused", "classic personal access token")
def classic_token(patient: Patient) -> None:
    patient.sign_in("ghp_MarkOfClassic0123456789")


@pytest.mark.parametrize(
    "token", ["ghr_Mark0123456789", "tid=1;exp=2;sku=3;st=4:Mark", "sk-proj-Mark0123456789"]
)
def test_what_is_no_credential_is_called_so(patient: Patient, token: str) -> None:
    patient.sign_in(token)
    assert set(named(patient.examine())) == {"token-no-credential"}


@case("token-short-lived")
def installation_token(patient: Patient) -> None:
    patient.sign_in("ghs_MarkOfInstallation0123")


@case("token-open-to-others", "mode 0644")
def loose_token(patient: Patient) -> None:
    (patient.directory / "github_token").chmod(0o644)


@case("token-of-another-user")
def foreign_token(patient: Patient) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(patient.directory / "github_token", 65534, 65534)


@case("token-unreadable", "Is a directory")
def directory_as_token(patient: Patient) -> None:
    (patient.directory / "github_token").unlink()
    (patient.directory / "github_token").mkdir()


@case("token-file-unusable", "No such file")
def missing_secret(patient: Patient) -> None:
    patient.flags["github_token_file"] = str(patient.home / "not-mounted")


# --------------------------------------------------------------------------------------- account, Copilot


def recorded(name: str) -> tuple[int, bytes]:
    found = json.loads((AUTH / f"copilot_token_{name}.json").read_text(encoding="utf-8"))
    return found["status"], found["body"].encode()


def notice(name: str, message: str = "No.") -> dict[str, object]:
    """GitHub's refusal with a notification id (upstream.md 1.3)."""
    details = {"message": message, "notification_id": name, "title": "Sorry", "url": "https://github.com/x"}
    return {"message": "forbidden", "error_details": details}


@case("token-revoked", "Bad credentials")
def revoked(patient: Patient) -> None:
    patient.answer(EXCHANGE, *recorded("401"))


@case("no-copilot", "Sign up for GitHub Copilot to continue")
def no_seat(patient: Patient) -> None:
    patient.answer(EXCHANGE, *recorded("403_not_signed_up"))


@case("no-copilot", "404")
def no_access(patient: Patient) -> None:
    patient.answer(EXCHANGE, 404, {"message": "Not Found"})


@case("terms-not-accepted")
def no_choice_made(patient: Patient) -> None:
    patient.answer(EXCHANGE, 403, notice("snippy_not_configured"))


@case("account-blocked")
def unpaid(patient: Patient) -> None:
    patient.answer(EXCHANGE, 403, notice("billing_locked", "Your account is locked."))


@case("copilot-forbidden", "Contact your organization administrator")
def policy(patient: Patient) -> None:
    patient.answer(EXCHANGE, *recorded("403_feature_flag"))


@case("copilot-forbidden", "not authorized for this integration")
def other_app(patient: Patient) -> None:
    patient.answer(EXCHANGE, *recorded("403_integration"))


@case("rate-limited")
def limited(patient: Patient) -> None:
    patient.answer(EXCHANGE, *recorded("403_rate_limit"))


@case("github-fails", "502")
def github_down(patient: Patient) -> None:
    patient.answer(EXCHANGE, 502, b"<html>Unicorn!</html>")


@case("answer-unusable", "a page")
def hotel(patient: Patient) -> None:
    patient.simulator.faults.add(EXCHANGE, "html")


@case("answer-unusable", "no answer of GitHub's")
def no_token_in_it(patient: Patient) -> None:
    patient.answer(EXCHANGE, 200, {"token": None})


@case("copilot-refuses", "401")
def fresh_token_refused(patient: Patient) -> None:
    patient.answer(MODELS, 401, b"unauthorized: bad token")


@case("copilot-refuses", "466")
def too_old(patient: Patient) -> None:
    patient.answer(MODELS, 466, b"upgrade")


@case("copilot-wrong-host", "421")
def other_plan(patient: Patient) -> None:
    patient.answer(MODELS, 421, b"misdirected request")


@case("no-models", "none of the 0 models")
def empty_list(patient: Patient) -> None:
    patient.answer(MODELS, 200, {"object": "list", "data": []})


def test_models_that_a_policy_turned_off_are_noted(patient: Patient) -> None:
    models = model_list()
    next(each for each in models if each["id"] == "gpt-4.1")["policy"] = {"state": "disabled"}
    patient.answer(MODELS, 200, {"data": models})
    examination = patient.examine()
    assert not named(examination)
    (noted,) = [each for each in examination.findings if each.level == "note"]
    assert noted.cause == "models-policy"
    assert "gpt-4.1" in noted.says


@case("models-no-endpoint", "gpt-9")
def served_elsewhere(patient: Patient) -> None:
    newer = {"id": "gpt-9", "capabilities": {"type": "chat"}, "supported_endpoints": ["/v9/thoughts"]}
    patient.answer(MODELS, 200, {"data": [*model_list(), newer]})


@case("alias-unlisted", "fast means gpt-0")
def alias_of_nothing(patient: Patient) -> None:
    patient.write("config.toml", '[aliases]\nfast = "gpt-0"\n')


# ---------------------------------------------------------------- listener, port, keys, ledger, engine


@case("listener-needs-key")
def open_listener(patient: Patient) -> None:
    patient.flags["host"] = "0.0.0.0"


@case("listener-tls-unusable")
def no_certificate(patient: Patient) -> None:
    patient.flags |= {"tls_certificate": str(patient.home / "none.pem"), "tls_key": "x"}


@case("key-file-unusable")
def no_key_file(patient: Patient) -> None:
    patient.flags["api_key_file"] = str(patient.home / "none")


@case("host-not-here")
def foreign_address(patient: Patient) -> None:
    patient.flags |= {"host": "192.0.2.1", "no_auth": True}


@case("port-privileged", "choose one above 1023")
def low_port(patient: Patient) -> None:
    limit = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii"))
    if os.getuid() == 0 or limit <= 1:
        pytest.skip("this user may use every port")
    patient.flags["port"] = "1"


@case("port-taken", "no gateway")
@contextmanager
def taken(patient: Patient) -> Iterator[None]:
    from tests.doctor.between import answering, listening

    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"
    with listening(answering(answer)) as port:
        patient.flags["port"] = str(port)
        yield


@case("keys-unusable", "line 1")
def spoilt_keys(patient: Patient) -> None:
    patient.write("keys.json", "{")


@case("keys-open-to-others", "mode 0640")
def loose_keys(patient: Patient) -> None:
    patient.write("keys.json", '{"version": 1, "keys": []}', 0o640)


@case("keys-none-good", "none of the 1 keys")
def revoked_keys(patient: Patient) -> None:
    key = {"id": "a", "name": "ann", "hash": "sha256:" + "0" * 64, "created": 1, "revoked": 2}
    patient.write("keys.json", json.dumps({"version": 1, "keys": [key]}))


@case("ledger-unreadable")
def spoilt_ledger(patient: Patient) -> None:
    patient.write("ledger.sqlite", b"no database, but long enough to be looked at as one" * 20)


@case("ledger-newer", "version 99")
def newer_ledger(patient: Patient) -> None:
    import sqlite3

    connection = sqlite3.connect(patient.with_ledger())
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@case("native-missing")
@contextmanager
def reference_only(patient: Patient) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, "native_available", lambda: False)
        yield


@case("native-broken", "ImportError")
@contextmanager
def not_loadable(patient: Patient) -> Iterator[None]:
    def fail() -> str:
        raise ImportError("wrong ELF class")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, "native_build", fail)
        yield


@case("native-other-version", "0.0.1")
@contextmanager
def half_installed(patient: Patient) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, "native_build", lambda: {"version": "0.0.1"})
        yield


@pytest.mark.parametrize(("cause", "breaks", "says"), CASES, ids=[breaks.__name__ for _, breaks, _ in CASES])
def test_the_cause_is_named_and_no_other(patient: Patient, cause: str, breaks: Break, says: str) -> None:
    with breaks(patient) or contextlib.nullcontext():
        examination = patient.examine()
    assert set(named(examination)) == {cause}, [each.as_members() for each in examination.findings]
    finding = named(examination)[cause]
    assert says in f"{finding.says} {finding.fix}"
    assert finding.fix
    assert "Mark" not in finding.says


def test_there_are_enough_of_them() -> None:
    assert len({cause for cause, _, _ in CASES}) >= 25
