"""Run the gateway against the simulator and restart it when a source changes.

``src/**/*.py`` restarts; anything in ``crates/`` rebuilds the native module first. A failing build leaves the
running gateway alone. Arguments are passed on: ``dev.py --port 4200 --verbose``.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTERVAL = 0.5
"""Seconds between two looks; about 200 files cost under 5 ms."""

Snapshot = dict[Path, int]


def python_sources() -> Snapshot:
    """Return the modification times of everything that a restart picks up."""
    return {path: path.stat().st_mtime_ns for path in (ROOT / "src").rglob("*.py")}


def rust_sources() -> Snapshot:
    """Return the modification times of everything that needs a build."""
    files = [ROOT / "Cargo.toml", ROOT / "Cargo.lock", *(ROOT / "crates").rglob("*")]
    files += (ROOT / "src/copilot_api/engine/reference/vocabulary").rglob("*")
    return {path: path.stat().st_mtime_ns for path in files if path.is_file()}


def changed(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the names of files that are new, gone or different."""
    paths = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def start() -> subprocess.Popen[bytes]:
    """Start the gateway."""
    return subprocess.Popen([sys.executable, "-m", "copilot_api", "start", "--simulate", *sys.argv[1:]])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the gateway; a second request to stop ends its streams at once."""
    for _ in range(2):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                continue
    process.kill()
    process.wait()


def build() -> bool:
    """Build the native module. Return whether that worked."""
    print("[dev] building the native module", flush=True)
    return subprocess.run(["make", "build-native"], cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Watch until Ctrl-C. Return the exit status."""
    python, rust = python_sources(), rust_sources()
    process = start()
    pause = threading.Event()
    try:
        while not pause.wait(INTERVAL):
            try:
                new_python, new_rust = python_sources(), rust_sources()
            except FileNotFoundError:
                continue  # an editor replaces a file: look again
            names, native = changed(python, new_python), changed(rust, new_rust)
            python, rust = new_python, new_rust
            if not names and not native:
                continue
            print(f"[dev] changed: {', '.join(native + names)}", flush=True)
            if native and not build():
                print("[dev] the build failed; the gateway still runs the old module", flush=True)
                continue
            stop(process)
            process = start()
    except KeyboardInterrupt:
        print("\n[dev] stopping")
    finally:
        stop(process)
    return 0


if __name__ == "__main__":
    sys.exit(main())
