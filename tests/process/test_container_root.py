"""The entry point in a root file system of its own, as the image has it: nothing writable but data and /tmp.

There is no engine here that could build and run the image; bubblewrap gives the program the same
surroundings: another user than root, a read-only root, the volume of 0.7.0, nothing of this machine's
environment.
"""

from __future__ import annotations

import http.client
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.store_server import free_port

ROOT = Path(__file__).resolve().parents[2]
DATA = "/root/.local/share/copilot-api"
PATIENCE = 60.0


class Jail:
    """Starts the entry point with words; `data` is the volume."""

    def __init__(self, data: Path) -> None:
        found = shutil.which("bwrap")
        if found is None:
            pytest.skip("there is no bubblewrap (apt-get install bubblewrap)")
        self.data = data
        # The usual layout of merged /usr.
        links = [("usr/bin", "/bin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64"), ("usr/sbin", "/sbin")]
        roots = {"/usr", "/etc", sys.base_prefix, sys.prefix, str(ROOT)}
        self._command = [
            *(
                found,
                "--unshare-user",
                "--unshare-pid",
                "--die-with-parent",
                "--uid",
                "1000",
                "--gid",
                "1000",
            ),
            *(word for root in sorted(roots) for word in ("--ro-bind", root, root)),
            *(word for target, name in links for word in ("--symlink", target, name)),
            *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
            *("--dir", "/root/.local/share", "--bind", str(data), DATA, "--remount-ro", "/"),
            *("--clearenv", "--setenv", "HOME", "/root", "--setenv", "HOST", "0.0.0.0"),
            *("--setenv", "PYTHONUNBUFFERED", "1", "--setenv", "NO_COLOR", "1"),
            *("--setenv", "PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin"),
            str(ROOT / "docker/entrypoint.sh"),
        ]

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*self._command, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        return process


@pytest.fixture
def jail(tmp_path: Path) -> Iterator[Jail]:
    if sys.platform != "linux":
        pytest.skip("bubblewrap is of Linux")
    made = Jail(tmp_path)
    # Some machines forbid user namespaces to whoever is not root, or to all.
    tried = subprocess.run([*made._command[:-1], "/bin/true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"bubblewrap cannot be used here: {tried.stderr.decode().strip()[:100]}")
    yield made


def status(port: int, path: str, key: str | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={} if key is None else {"authorization": f"Bearer {key}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_serves_without_rights_and_without_a_writable_root(jail: Jail) -> None:
    port = free_port()
    process = jail.start("start", "--simulate", "--port", str(port))
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.decode())
            if "Listening on" in lines[-1]:
                break
        assert any("Made a key that clients must send" in line for line in lines), "".join(lines)
        assert "all interfaces" in lines[-1], "".join(lines)
        key = (jail.data / "client_key").read_text().strip()
        assert key in "".join(lines)
        assert status(port, "/v1/models") == 401
        assert status(port, "/v1/models", key) == 200
        # The image's health check asks the same way: a missing key is an answer.
        spec = importlib.util.spec_from_file_location("healthcheck", ROOT / "docker/healthcheck.py")
        assert spec is not None
        assert spec.loader is not None
        check = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(check)
        assert check.answers("127.0.0.1", check.port_of(["start", "--port", str(port)], {}))
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.stdout.close()  # type: ignore[union-attr]
        process.wait(PATIENCE)


def test_commands_run_there_too(jail: Jail) -> None:
    done = jail.start("selftest", "--json")
    assert done.stdout is not None
    printed = done.stdout.read().decode()
    done.stdout.close()
    assert done.wait(PATIENCE) == 0, printed
    assert sorted(path.name for path in jail.data.iterdir()) == [], "a self test keeps nothing"
