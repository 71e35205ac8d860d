"""What stands between here and GitHub: each hop is called by its name."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from copilot_api.doctor import hops
from copilot_api.doctor.certificates import issuer_of
from copilot_api.doctor.examination import Examination
from copilot_api.github.credentials import TokenFile
from copilot_api.redaction import Secret
from tests.doctor.between import answering, closing, listening, silent, tls, tunnel
from tests.doctor.patient import Patient, named
from tests.support.process import GITHUB_TOKEN
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_steps import JSON, whole

API = "COPILOT_API_GITHUB_API_URL"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Somebody whom nobody here trusts."""
    return trustme.CA(organization_name="Inspectors Ltd")


def only(examination: Examination, cause: str, says: str = "") -> None:
    """This is wrong and nothing else."""
    assert set(named(examination)) == {cause}, [each.as_members() for each in examination.findings]
    assert says in named(examination)[cause].says
    assert GITHUB_TOKEN not in json.dumps([each.as_members() for each in examination.findings])


@pytest.fixture
def closed() -> Iterator[int]:
    """A port at which nothing listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


# --------------------------------------------------------------------------------------------- the way itself


def test_a_name_that_nobody_knows(patient: Patient) -> None:
    patient.set(API, "https://api.github.invalid")
    only(patient.examine(), "name-unknown", "api.github.invalid")


def test_a_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        free.wait(100)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        finding = hops.walk("https://github.invalid", {}, proxied=False, patience=0.1)
    finally:
        free.set()
    assert finding is not None
    assert finding.cause == "name-unknown"
    assert "the resolver does not answer in time" in finding.says


def test_a_host_that_takes_no_connection(patient: Patient, closed: int) -> None:
    patient.set(API, f"http://127.0.0.1:{closed}")
    only(patient.examine(), "host-unreachable", "Connection refused")


def test_a_host_that_says_nothing(patient: Patient) -> None:
    patient.patience = 1.0
    with listening(silent) as port:
        patient.set(API, f"http://127.0.0.1:{port}")
        only(patient.examine(), "host-silent", "within 1 s")


def test_a_host_that_hangs_up(patient: Patient) -> None:
    with listening(closing) as port:
        patient.set(API, f"http://127.0.0.1:{port}")
        only(patient.examine(), "connection-lost")


def test_copilot_alone_out_of_reach(patient: Patient, closed: int) -> None:
    patient.set("COPILOT_API_COPILOT_URL", f"http://localhost:{closed}")
    examination = patient.examine()
    only(examination, "host-unreachable")
    assert named(examination)["host-unreachable"].about == ("localhost",)


def test_without_any_network_one_cause_names_all_hosts(patient: Patient) -> None:
    for name, host in (("GITHUB", "github.invalid"), ("GITHUB_API", "api.github.invalid")):
        patient.set(f"COPILOT_API_{name}_URL", f"https://{host}")
    examination = patient.examine()
    only(examination, "name-unknown")
    assert set(named(examination)["name-unknown"].about) == {"github.invalid", "api.github.invalid"}


# ---------------------------------------------------------------------------------------------------- TLS


@pytest.mark.parametrize(
    ("cause", "names", "expired", "trusted", "says"),
    [
        ("tls-unknown-ca", ("localhost",), False, False, "Inspectors Ltd"),
        ("tls-wrong-host", ("other.example",), False, True, "another name"),
        ("tls-expired", ("localhost",), True, True, "expired"),
    ],
)
def test_certificates(
    patient: Patient,
    authority: trustme.CA,
    cause: str,
    names: tuple[str, ...],
    expired: bool,
    trusted: bool,
    says: str,
) -> None:
    if trusted:
        authority.cert_pem.write_to_path(str(patient.home / "ca.pem"))
        patient.set("SSL_CERT_FILE", str(patient.home / "ca.pem"))
    with listening(tls(authority, *names, expired=expired)) as port:
        patient.set(API, f"https://localhost:{port}")
        only(patient.examine(), cause, says)


def test_a_certificate_that_is_trusted_is_no_cause(patient: Patient, authority: trustme.CA) -> None:
    authority.cert_pem.write_to_path(str(patient.home / "ca.pem"))
    patient.set("SSL_CERT_FILE", str(patient.home / "ca.pem"))
    with listening(tls(authority, "localhost")) as port:
        patient.set(API, f"https://localhost:{port}")
        only(patient.examine(), "no-copilot", "404")


def test_something_that_speaks_no_tls(patient: Patient) -> None:
    def hello(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}")

    with listening(hello) as port:
        patient.set(API, f"https://localhost:{port}")
        only(patient.examine(), "tls-failed")


def test_an_issuer_is_read_from_the_bytes(authority: trustme.CA) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    leaf = authority.issue_cert("localhost").cert_chain_pems[0].bytes()
    der = x509.load_pem_x509_certificate(leaf).public_bytes(Encoding.DER)
    assert "Inspectors Ltd" in issuer_of(der)
    for length in range(len(der)):
        issuer_of(der[:length])
    assert issuer_of(b"") == issuer_of(b"\x30\x84") == issuer_of(b"\x30\x80\x00") == ""


# ------------------------------------------------------------------------------------------------- proxies


@contextmanager
def behind(patient: Patient, handle: Callable[[socket.socket], None], user: str = "") -> Iterator[None]:
    """A proxy, and GitHub's API where nothing but it could go."""
    with listening(handle) as port:
        patient.set("HTTPS_PROXY", f"http://{user}127.0.0.1:{port}")
        patient.set(API, "https://api.github.invalid")
        patient.flags["proxy_env"] = True
        yield


PASSWORD = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n"
)
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"


def test_a_proxy_that_wants_a_password(patient: Patient) -> None:
    with behind(patient, answering(PASSWORD)):
        only(patient.examine(), "proxy-needs-password", "wants a password")


def test_a_proxy_that_takes_another_password(patient: Patient) -> None:
    with behind(patient, answering(PASSWORD), "ann:MarkOfAPassword@"):
        examination = patient.examine()
        only(examination, "proxy-needs-password", "refuses the user and password")
        told = json.dumps([each.as_members() for each in examination.findings])
        assert "MarkOfAPassword" not in told


def test_a_proxy_that_wants_a_password_for_plain_http(patient: Patient) -> None:
    with listening(answering(PASSWORD)) as port:
        patient.set("HTTP_PROXY", f"http://127.0.0.1:{port}")
        patient.set("NO_PROXY", "127.0.0.1")
        patient.set(API, "http://api.github.invalid")
        patient.flags["proxy_env"] = True
        only(patient.examine(), "proxy-needs-password")


def test_a_proxy_that_lets_nobody_through(patient: Patient) -> None:
    with behind(patient, answering(FORBIDDEN)):
        only(patient.examine(), "proxy-refuses", "403")


@pytest.mark.parametrize("handle", [closing, answering(b"SSH-2.0-OpenSSH_9\r\n\r\n")], ids=["closes", "ssh"])
def test_a_proxy_that_is_none(patient: Patient, handle: Callable[[socket.socket], None]) -> None:
    with behind(patient, handle):
        only(patient.examine(), "proxy-unreachable", "no HTTP")


def test_a_proxy_that_is_not_there(patient: Patient, closed: int) -> None:
    patient.set("HTTPS_PROXY", f"http://127.0.0.1:{closed}")
    patient.set(API, "https://api.github.invalid")
    patient.flags["proxy_env"] = True
    only(patient.examine(), "proxy-unreachable", "Connection refused")


def test_a_proxy_that_nobody_knows(patient: Patient) -> None:
    patient.set("HTTPS_PROXY", "http://proxy.invalid:3128")
    patient.set(API, "https://api.github.invalid")
    patient.flags["proxy_env"] = True
    only(patient.examine(), "proxy-unknown-name", "proxy.invalid")


def test_a_proxy_that_looks_into_tls(patient: Patient, authority: trustme.CA) -> None:
    with listening(tls(authority, "localhost")) as port, behind(patient, tunnel):
        patient.set(API, f"https://localhost:{port}")
        only(patient.examine(), "tls-unknown-ca", "Inspectors Ltd")


def test_a_proxy_that_is_not_used(patient: Patient) -> None:
    with behind(patient, tunnel):
        del patient.flags["proxy_env"]
        only(patient.examine(), "proxy-not-used", "which is not used")


def test_a_proxy_that_works_is_no_cause(patient: Patient, authority: trustme.CA) -> None:
    authority.cert_pem.write_to_path(str(patient.home / "ca.pem"))
    patient.set("SSL_CERT_FILE", str(patient.home / "ca.pem"))
    with listening(tls(authority, "localhost")) as port, behind(patient, tunnel):
        patient.set(API, f"https://localhost:{port}")
        only(patient.examine(), "no-copilot", "404")


def test_a_host_that_is_none_of_copilots(patient: Patient) -> None:
    """The usual host is asked instead; here a proxy is in that way, so that nothing leaves this machine."""
    patient.unset("COPILOT_API_COPILOT_URL")
    with listening(answering(FORBIDDEN)) as port:
        patient.set("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        patient.flags["proxy_env"] = True
        found = named(patient.examine())
    assert set(found) == {"copilot-host-foreign", "proxy-refuses"}
    assert found["proxy-refuses"].about == ("api.githubcopilot.com",)


# --------------------------------------------------------------------------------------------- clock, GHE


def test_a_clock_that_is_wrong(patient: Patient) -> None:
    date = ("date", "Thu, 01 Jan 2026 00:00:00 GMT")
    with ScriptedUpstream() as upstream:
        grant = {"token": "tid=a;exp=4000000000", "refresh_in": 1500, "expires_at": 4_000_000_000}
        upstream.always("/copilot_internal/v2/token", *whole(grant, headers=(JSON, date)))
        for name in ("GITHUB", "GITHUB_API", "COPILOT"):
            patient.set(f"COPILOT_API_{name}_URL", upstream.url)
        only(patient.examine(), "clock-wrong", "days ahead of GitHub")


def test_a_tenant_is_looked_at_with_its_own_token(patient: Patient, tmp_path: Path) -> None:
    patient.flags["github_host"] = "acme.ghe.com"
    only(patient.examine(), "not-signed-in")
    assert TokenFile(patient.directory, "acme.ghe.com").write(Secret("ghu_of_acme0123456789"))
    with contextlib.suppress(IndexError):
        patient.simulator.state.requests.clear()
    assert not named(patient.examine())
    sent = {
        each.headers.get("authorization")
        for each in patient.simulator.state.requests
        if each.path.startswith("/copilot_internal")
    }
    assert sent == {"token ghu_of_acme0123456789"}
