"""Run frameworks' own test-suites against our servers, over real sockets: any app of theirs runs here.

Usage: ``run.py [SUITE...] [--server NAME] [-- ARGUMENTS OF PYTEST]``; all suites and servers by default. The
tests come from each framework's source distribution, pinned in its TOML file, and are kept in
``target/asgi-suites``, never in the repository. Nothing of a suite is changed but the transport of its test
client (see `suite_plugin.py`).
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / "target" / "asgi-suites"
SITE = CACHE / "site"
SUITES = ("starlette", "fastapi")
SERVERS = ("uvicorn", "native")


def main() -> int:
    """Run what was asked for; return 0 when nothing failed that is not known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", nargs="*", choices=[*SUITES, []], help="default: all")
    parser.add_argument("--server", action="append", choices=SERVERS, help="default: all that this build has")
    words, _, rest = " ".join(sys.argv[1:]).partition(" -- ")
    asked = parser.parse_args(words.split())
    _install()
    closing, worst = [], 0
    for name in asked.suite or SUITES:
        suite = tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))
        folder = _unpack(suite)
        for server in asked.server or SERVERS:
            if server == "native" and not _has_native_server():
                closing.append(f"[{name}, {server}] not run: this build has no native server")
                continue
            line, failed = _run(name, suite, folder, server, rest.split())
            closing.append(line)
            worst = worst or int(failed)
    print("\n" + "\n".join(closing))
    return worst


def _has_native_server() -> bool:
    try:
        from copilot_api import _native
    except ImportError:
        return False
    return hasattr(_native, "Server")


def _install() -> None:
    """Install the frameworks beside, not into, the development environment."""
    wanted = (HERE / "requirements.txt").read_text(encoding="utf-8")
    stamp = SITE / "requirements.txt"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(SITE, ignore_errors=True)
    _pip("install", "--quiet", "--no-deps", "--target", str(SITE), "-r", str(HERE / "requirements.txt"))
    stamp.write_text(wanted, encoding="utf-8")


def _unpack(suite: dict[str, Any]) -> Path:
    """Return the folder of the source distribution, whose tests are run."""
    name = f"{suite['package']}-{suite['version']}"
    folder = CACHE / name
    if not folder.is_dir():
        package = f"{suite['package']}=={suite['version']}"
        _pip("download", "--quiet", "--no-deps", "--no-binary", suite["package"], "-d", str(CACHE), package)
        with tarfile.open(CACHE / f"{name}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
        for ignored in suite["ignore"]:
            if (folder / ignored).is_dir():
                # pytest reads the conftest files of ignored folders too.
                shutil.rmtree(folder / ignored)
    return folder


def _pip(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, cwd=ROOT)


def _run(name: str, suite: dict[str, Any], folder: Path, server: str, more: list[str]) -> tuple[str, bool]:
    result = CACHE / f"{name}-{server}.json"
    result.unlink(missing_ok=True)
    environment = os.environ | {
        "ASGI_SUITE_SERVER": server,
        "ASGI_SUITE": str(HERE / f"{name}.toml"),
        "ASGI_SUITE_RESULT": str(result),
        "PYTHONPATH": os.pathsep.join((str(SITE), str(HERE))),
    }
    without = ("asyncio", "cacheprovider")
    command = [sys.executable, "-m", "pytest", "-p", "suite_plugin", *(f"-pno:{each}" for each in without)]
    command += ["--color=no", "-q", "--tb=short", "--timeout=60", "-o", "addopts=", *suite["tests"]]
    command += [f"--ignore={each}" for each in suite["ignore"]]
    print(f"$ {name} {suite['version']} against {server}", flush=True)
    code = subprocess.run([*command, *more], cwd=folder, env=environment, check=False).returncode
    if not result.is_file():
        return f"[{name}, {server}] broke off with exit status {code}", True
    told = json.loads(result.read_text(encoding="utf-8"))
    patterns = suite["known"].get(server, {})
    known = [each for each in told["failed"] if _known(each, patterns)]
    failed = [each for each in told["failed"] if each not in known]
    outcomes = told["outcomes"]
    deselected, no_server = sum(told["deselected"].values()), outcomes.get("passed without a server", 0)
    line = (
        f"[{name} {suite['version']}, {server}] {outcomes.get('passed', 0)} passed, {len(failed)} failed,"
        f" {len(known)} failed as known, {deselected} deselected, {outcomes.get('skipped', 0)} skipped,"
        f" {no_server} asked no server; {told['requests']} requests"
    )
    details = [f"    failed: {each}" for each in failed] + [f"    known: {each}" for each in known]
    details += [f"    deselected {count}: {reason}" for reason, count in told["deselected"].items()]
    details += [f"    ignored {each}: {reason}" for each, reason in suite["ignore"].items()]
    return "\n".join([line, *details]), bool(failed) or told["errors"] > 0 or not outcomes.get("passed")


def _known(test: str, patterns: dict[str, str]) -> bool:
    names = (test, test.partition("[")[0])
    return any(fnmatch.fnmatch(name, pattern) for name in names for pattern in patterns)


if __name__ == "__main__":
    sys.exit(main())
