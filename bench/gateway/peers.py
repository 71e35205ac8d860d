"""Getting the programs that ours is measured beside. Nothing of theirs is kept in the repository.

npm, pip and apt-get are asked once; what they gave stays in ``bench/.cache``. Where a program is not to be
had, :class:`Unavailable` says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from .places import CACHE, PEERS, Unavailable

# Replaced in the build of 0.7.0: the upstream's addresses, and the page with the editor's newest version.
UPSTREAM = "BENCH_UPSTREAM"
EDITOR = "https://aur.archlinux.org/cgit/aur.git/plain/PKGBUILD?h=visual-studio-code-bin"
ADDRESSES = {
    '"https://api.githubcopilot.com"': UPSTREAM,
    '"https://api.github.com"': UPSTREAM,
    '"https://github.com"': UPSTREAM,
    f'"{EDITOR}"': f'{UPSTREAM} + "/PKGBUILD"',
}


def call(what: str, command: list[str], cwd: Path, **environment: str) -> str:
    """Run an installer. Returns what it printed."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what} could not be had: {error}") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word why"]
        raise Unavailable(f"{what} could not be had: {command[0]} said {last[0]}")
    return done.stdout


def _npm() -> Path:
    """Install the npm peers as locked. Returns their folder."""
    folder = CACHE / "npm"
    lock = (PEERS / "package-lock.json").read_bytes()
    stamp = folder / "node_modules/.installed"
    if stamp.exists() and stamp.read_bytes() == lock:
        return folder
    if shutil.which("npm") is None:
        raise Unavailable("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(PEERS / name, folder / name)
    call("copilot-api and bun from npm", ["npm", "ci"], folder)
    stamp.write_bytes(lock)
    return folder


def predecessor() -> Path:
    """Return a copy of the installed build of copilot-api 0.7.0 that asks ``$BENCH_UPSTREAM``."""
    package = _npm() / "node_modules/copilot-api"
    source = (package / "dist/main.js").read_text(encoding="utf-8")
    for address, replacement in ADDRESSES.items():
        if address not in source:
            raise Unavailable(
                f"copilot-api's build has no {address}: the recipe in bench/gateway/peers.py is out of date"
            )
        source = source.replace(address, replacement)
    # Read once: a look into the environment at each request would cost what 0.7.0 does not pay.
    first, rest = source.split("\n", 1)
    source = f"{first}\nconst {UPSTREAM} = process.env.{UPSTREAM};\n{rest}"
    # Beside the original, so that it finds the same packages.
    copy = package / "dist/bench.mjs"
    if not copy.exists() or copy.read_text(encoding="utf-8") != source:
        copy.write_text(source, encoding="utf-8")
    return copy


def node() -> str:
    """Return the program's path."""
    found = shutil.which("node")
    if found is None:
        raise Unavailable("node is not installed")
    return found


def bun() -> str:
    """Return the path of npm's bun."""
    return str(_npm() / "node_modules/.bin/bun")


def nginx() -> str:
    """Return the path of nginx: the installed one, else Debian's package unpacked without installing it."""
    for found in (shutil.which("nginx"), "/usr/sbin/nginx", str(CACHE / "nginx/usr/sbin/nginx")):
        if found and Path(found).exists():
            return found
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Unavailable("nginx is not installed, and this is no Debian to get it from")
    folder = CACHE / "nginx"
    folder.mkdir(parents=True, exist_ok=True)
    call("nginx from Debian", ["apt-get", "download", "nginx"], folder)
    for package in folder.glob("nginx_*.deb"):
        call("nginx from Debian", ["dpkg-deb", "-x", str(package), "."], folder)
    program = folder / "usr/sbin/nginx"
    call("nginx from Debian", [str(program), "-v"], folder)
    return str(program)


def litellm() -> str:
    """Return the path of LiteLLM's proxy in an environment of its own."""
    folder = CACHE / "litellm"
    wanted = (PEERS / "litellm.txt").read_bytes()
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # The project's own constraints are none of LiteLLM's.
        call("LiteLLM from PyPI", [*pip, "-r", str(PEERS / "litellm.txt")], CACHE, PIP_CONSTRAINT="")
        stamp.write_bytes(wanted)
    return str(folder / "bin/litellm")


def version(*command: str) -> str:
    """Return the first line that a program says about its version, "not here" without one."""
    try:
        done = subprocess.run(list(command), capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return "not here"
    return next(iter((done.stdout + done.stderr).strip().splitlines()), "unknown")


def versions() -> dict[str, str]:
    """Return the versions of all that has a part in the figures."""
    found = {"python": sys.version.split()[0], "rustc": version("rustc", "--version")}
    peers = (("node", node, "--version"), ("bun", bun, "--version"), ("nginx", nginx, "-v"))
    for name, get, flag in peers:
        try:
            found[name] = version(get(), flag)
        except Unavailable as reason:
            found[name] = f"not here: {reason}"
    pins = (PEERS / "litellm.txt").read_text(encoding="utf-8").split()
    found["litellm"] = next(pin.partition("==")[2] for pin in pins if pin.startswith("litellm=="))
    found["copilot-api of npm"] = "0.7.0"
    return found
