"""What comes in and what goes out (R-18): dependencies, unsafe code, the files of a wheel."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------------------------------------ the wheel

Change = Callable[[dict[str, bytes]], object]
INFO = "copilot_api_gateway-0.8.0.dist-info"
POINTS = b"[console_scripts]\ncopilot-api=copilot_api.cli.main:run\n"


def wheel(tmp_path: Path, change: Change = lambda files: None) -> list[str]:
    checker = tool("check_wheel")
    files = checker.sources(ROOT)
    files |= {f"{INFO}/{name}": b"" for name in ("METADATA", "WHEEL", "RECORD", "licenses/LICENSE")}
    files |= {f"{INFO}/entry_points.txt": POINTS, "copilot_api/_native.abi3.so": b"\x7fELF"}
    change(files)
    path = tmp_path / "copilot_api_gateway-0.8.0-cp311-abi3-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    found: list[str] = checker.unexpected(path)
    return found


def test_r18_a_wheel_of_the_sources_passes(tmp_path: Path) -> None:
    assert wheel(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda files: files.update({"evil.pth": b"import os"}), "evil.pth: not in the source tree"),
        (lambda files: files.update({"evil.py": b""}), "evil.py: not in the source tree"),
        (
            lambda files: files.update({"copilot_api/extra.py": b""}),
            "copilot_api/extra.py: not in the source",
        ),
        (
            lambda files: files.update({"copilot_api/app.py": b"#"}),
            "copilot_api/app.py: not as in the source",
        ),
        (lambda files: files.pop("copilot_api/app.py"), "copilot_api/app.py: missing"),
        (lambda files: files.update({f"{INFO}/x.sh": b""}), f"{INFO}/x.sh: unexpected metadata"),
        (
            lambda files: files.update({"copilot_api_gateway-0.8.0.data/scripts/x": b""}),
            "scripts/x: not in the",
        ),
        (lambda files: files.update({"copilot_api/_native.pyd": b""}), "native modules: 2"),
        (lambda files: files.pop("copilot_api/_native.abi3.so"), "native modules: 0"),
        (
            lambda files: files.update(
                {f"{INFO}/entry_points.txt": POINTS + b"evil=copilot_api.cli.main:run\n"}
            ),
            "entry point [console_scripts] evil",
        ),
        (
            lambda files: files.update({"other-1.dist-info/METADATA": b""}),
            "other-1.dist-info/METADATA: not in",
        ),
    ],
)
def test_r18_a_wheel_with_anything_else_is_refused(tmp_path: Path, change: Change, found: str) -> None:
    wrong = wheel(tmp_path, change)
    assert len(wrong) == 1
    assert found in wrong[0]


def test_r18_a_built_wheel_is_as_the_sources() -> None:
    """Where `make build` has left one of these sources; it checks what it built itself."""
    built = sorted((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if not built:
        pytest.skip("no wheel was built here")
    newest = max(path.stat().st_mtime for path in (ROOT / "src/copilot_api").rglob("*.py"))
    if built[-1].stat().st_mtime < newest:
        pytest.skip("the wheel is older than the sources")
    assert tool("check_wheel").unexpected(built[-1]) == []


# ------------------------------------------------------------------------------------------- the dependencies

BUDGET = {"crates": 150, "run time": 13, "development": 80}
"""How many packages of others there may be: crates of the lock, those of tests and of other systems
included; what pip installs with the program; all that `constraints.txt` pins. One more is a decision: the
commit that raises the number says why. 13: `rich` draws `top`, and brings three. 80: the OpenTelemetry SDK
and its exporter, which tests of `[otel]` run, are nine; schemathesis fuzzes by OpenAPI, and brings ten;
Playwright drives the browser, redis reaches the shared store, Starlette is what apps are mounted in.
"""


def locked_crates(lock: str) -> set[str]:
    packages = tomllib.loads((ROOT / lock).read_text(encoding="utf-8"))["package"]
    return {f"{package['name']} {package['version']}" for package in packages if "source" in package}


def test_r18_the_crates_stay_within_their_budget() -> None:
    assert 0 < len(locked_crates("Cargo.lock")) <= BUDGET["crates"]


def test_r18_the_python_packages_stay_within_their_budget() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [re.split(r"[<>=]", name)[0] for name in project["dependencies"]] == ["httpx2", "rich", "uvicorn"]
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert 0 < len(pinned) <= BUDGET["development"]
    bill = tool("write_sbom").python_packages(ROOT)
    assert 0 < len(bill) <= BUDGET["run time"]


def test_r18_every_crate_of_the_lock_has_a_checksum() -> None:
    for lock in ("Cargo.lock", "fuzz/Cargo.lock", "models/Cargo.lock"):
        packages = tomllib.loads((ROOT / lock).read_text(encoding="utf-8"))["package"]
        assert not [
            package["name"] for package in packages if "source" in package and "checksum" not in package
        ]


def test_r18_unsafe_code_is_in_one_module() -> None:
    """It takes over descriptors of Python's sockets; the crates below the bindings forbid it altogether."""
    for crate in ("copilot-core", "copilot-net"):
        assert "#![forbid(unsafe_code)]" in (ROOT / f"crates/{crate}/src/lib.rs").read_text(encoding="utf-8")
    written = [
        path.relative_to(ROOT).as_posix()
        for path in sorted(ROOT.glob("crates/*/src/**/*.rs"))
        if re.search(r"\bunsafe\s*(?:\{|fn|impl|extern)", path.read_text(encoding="utf-8"))
    ]
    assert written == ["crates/copilot-python/src/server/listeners.rs"]


def test_r18_nothing_of_ours_runs_at_install_time() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["build-system"]["build-backend"] == "maturin"
    assert not [name for name in ("setup.py", "setup.cfg") if (ROOT / name).exists()]
    assert "backend-path" not in project["build-system"]


# ------------------------------------------------------------------------------------------------- the bill


def test_r18_the_bill_of_materials_names_every_crate_and_package(tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    subprocess.run([sys.executable, str(ROOT / "tools/write_sbom.py"), str(target)], check=True, timeout=60)
    bill = json.loads(target.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    names = {component["purl"] for component in bill["components"]}
    assert len(names) == len(bill["components"])
    crates = {f"pkg:cargo/{crate.replace(' ', '@')}" for crate in locked_crates("Cargo.lock")}
    assert crates <= names
    assert {name.split("@")[0] for name in names if name.startswith("pkg:pypi/")} >= {
        "pkg:pypi/httpx2",
        "pkg:pypi/uvicorn",
    }
    hashed = [component for component in bill["components"] if component["purl"].startswith("pkg:cargo/")]
    assert all(re.fullmatch(r"[0-9a-f]{64}", component["hashes"][0]["content"]) for component in hashed)
