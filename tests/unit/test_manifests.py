"""What runs the image fits the image and the program: Kubernetes' manifests, compose, what is built."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from copilot_api.cli.arguments import parse
from copilot_api.cli.commands import start_flags
from copilot_api.settings import option_fields
from copilot_api.version import VERSION
from tests.support.http import request
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import ScriptedUpstream

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
KUBERNETES = sorted((DOCKER / "kubernetes").glob("*.yaml"))
OPTIONS = {option.name for option in option_fields()}
PREFIX = "COPILOT_API_"


def documents(path: Path) -> list[Any]:
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def kinds() -> dict[tuple[str, str], Any]:
    found = [each for path in KUBERNETES for each in documents(path)]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def compose() -> Any:
    return documents(DOCKER / "compose/compose.yaml")[0]


def check_options(names: list[str]) -> None:
    for name in names:
        if name.startswith(PREFIX):
            assert name.removeprefix(PREFIX).lower() in OPTIONS, name


def check_arguments(arguments: list[str]) -> None:
    assert arguments[0] == "start"
    parsed = parse(arguments[1:], start_flags())
    assert not parsed.unknown
    assert not parsed.positionals


def test_every_workload_is_selected_by_what_names_it() -> None:
    found = kinds()
    for (kind, name), each in found.items():
        if kind == "Deployment":
            labels = each["spec"]["template"]["metadata"]["labels"]
            assert each["spec"]["selector"]["matchLabels"].items() <= labels.items()
            assert found["Service", name]["spec"]["selector"].items() <= labels.items()
            policy = found["NetworkPolicy", name]["spec"]
            assert policy["podSelector"]["matchLabels"].items() <= labels.items()
        if kind == "Service":
            container = found["Deployment", name]["spec"]["template"]["spec"]["containers"][0]
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            for port in each["spec"]["ports"]:
                assert port["port"] == ports[port["targetPort"]]
                allowed = found["NetworkPolicy", name]["spec"]["ingress"][0]["ports"]
                assert port["port"] in [one["port"] for one in allowed]


def test_the_gateway_is_run_as_the_program_understands() -> None:
    found = kinds()
    deployment = found["Deployment", "copilot-api"]["spec"]
    pod = deployment["template"]["spec"]
    container = pod["containers"][0]
    check_arguments(container["args"])
    check_options([each["name"] for each in container["env"]])
    assert container["image"].endswith(f":{VERSION}")
    drain = int(container["args"][container["args"].index("--drain-timeout") + 1])
    assert pod["terminationGracePeriodSeconds"] > drain + 10
    scaler = found["HorizontalPodAutoscaler", "copilot-api"]["spec"]
    assert scaler["minReplicas"] == deployment["replicas"]
    assert found["PodDisruptionBudget", "copilot-api"]["spec"]["minAvailable"] < deployment["replicas"]
    volumes = {each["name"] for each in pod["volumes"]}
    assert volumes == {each["name"] for each in container["volumeMounts"]}
    # What the README tells to put into the secret is what is taken from it.
    told = set(re.findall(r"--from-(?:file|literal)=(\w+)=", (DOCKER / "kubernetes/README.md").read_text()))
    secrets = next(each["secret"] for each in pod["volumes"] if "secret" in each)
    taken = {item["key"] for item in secrets["items"]}
    taken |= {each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"] if "valueFrom" in each}
    assert told == taken


@pytest.mark.parametrize("name", ["copilot-api", "redis"])
def test_nothing_runs_with_more_rights_than_it_needs(name: str) -> None:
    pod = kinds()["Deployment", name]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


def test_probes_are_answered_beyond_loopback_without_a_key(tmp_path: Path) -> None:
    container = kinds()["Deployment", "copilot-api"]["spec"]["template"]["spec"]["containers"][0]
    with ScriptedUpstream() as upstream:
        gateway = GatewayProcess(
            tmp_path,
            upstream.url,
            *("--api-key", "cak_3b1f0c9a7d5e4286b0a1c2d3e4f5a6b7c8d9e0f1"),
            environment={"HOST": "0.0.0.0", "COPILOT_API_PUBLIC_HOST": "copilot.example.com"},
        )
        with gateway:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                asked = container[probe]["httpGet"]
                assert asked["port"] in [port["name"] for port in container["ports"]]
                headers = {header["name"]: header["value"] for header in asked["httpHeaders"]}
                assert request(gateway.url, path=asked["path"], headers=headers).status == 200


def test_compose_fits_the_program_and_itself() -> None:
    composed = compose()
    services = composed["services"]
    gateway = services["gateway"]
    check_arguments(gateway["command"])
    check_options(list(gateway["environment"]))
    assert gateway["image"].endswith(f":{VERSION}")
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    for name, service in services.items():
        assert set(service.get("secrets", ())) <= set(composed["secrets"]), name
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DOCKER / "compose" / source).exists(), volume
            else:
                assert source in composed["volumes"], volume
    files = [each["file"] for each in composed["secrets"].values()]
    ignored = (DOCKER / "compose/.gitignore").read_text().split()
    assert sorted(Path(file).name for file in files) == sorted(ignored)
    scrape = documents(DOCKER / "compose/prometheus.yml")[0]["scrape_configs"][0]
    host, port = scrape["static_configs"][0]["targets"][0].split(":")
    assert host in services
    assert host in gateway["environment"]["COPILOT_API_PUBLIC_HOST"]
    assert gateway["ports"][0].endswith(f":{port}")
    assert scrape["authorization"]["credentials_file"] == "/run/secrets/prometheus_key"
    assert gateway["environment"]["COPILOT_API_API_KEY_FILE"] == "/run/secrets/client_keys"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="hands files to other users")
def test_the_secrets_of_compose_are_made_once(tmp_path: Path) -> None:
    script = shutil.copy(DOCKER / "compose/prepare.sh", tmp_path)

    def prepare(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [script], env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True
        )

    refused = prepare()
    assert refused.returncode != 0
    assert "set GH_TOKEN" in refused.stderr
    done = prepare(GH_TOKEN="ghu_secret")
    assert done.returncode == 0, done.stderr
    keys = (tmp_path / "client_keys").read_text().split()
    assert len(set(keys)) == 2
    assert all(re.fullmatch("[0-9a-f]{48}", key) for key in keys)
    assert (tmp_path / "prometheus_key").read_text() == keys[1]
    assert (tmp_path / "github_token").read_text() == "ghu_secret\n"
    facts = {path.name: path.stat() for path in tmp_path.iterdir()}
    for name, owner in (("client_keys", 1000), ("github_token", 1000), ("prometheus_key", 65534)):
        assert facts[name].st_uid == owner
        assert facts[name].st_mode & 0o777 == 0o600
    assert prepare().stdout == done.stdout == f"Clients send this key: {keys[0]}\n"


def test_the_image_is_built_from_files_that_its_context_has() -> None:
    """`docker build` sees what .dockerignore lets through; the build inside is ``make build``."""
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().split()
        if line.startswith("!")
    }
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile[makefile.index("\nbuild:") :].split("\n\n", 1)[0]
    used = set(re.findall(r"\b(tools|src|crates|docker)/", recipe)) | {"crates", "src", "Makefile"}
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    used |= {source.split("/")[0] for source in copied if source != "."}
    assert used <= kept


def test_grafana_asks_only_for_metrics_of_prometheus() -> None:
    source = documents(DOCKER / "compose/grafana-source.yml")[0]["datasources"][0]
    assert source["url"].split("//")[1].split(":")[0] in compose()["services"]
    board = json.loads((DOCKER / "grafana/copilot-api.json").read_text())
    assert board["title"]
