"""The manifests in deploy/kubernetes: their structure, as far as it can be checked without one."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from device_endpoint.env import PROJECT_DIR

Manifest = dict[str, Any]
MANIFESTS: list[Manifest] = [
    document
    for file in sorted((PROJECT_DIR / "deploy/kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text())
]
API_VERSIONS = {
    "ConfigMap": "v1",
    "Service": "v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
}
SETTINGS = set(
    re.findall(
        r"^\| `([A-Z_]+)` \|", (PROJECT_DIR / "docs/reference/settings.md").read_text(), re.M
    )
)
HOW_TO = (PROJECT_DIR / "docs/how-to/kubernetes.md").read_text()


def of_kind(kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in MANIFESTS if m["kind"] == kind}


def pod_of(manifest: Manifest) -> Manifest:
    """Return the pod template of a deployment or a job."""
    spec: Manifest = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Manifest = spec["template"]
    return template


PODS = {
    name: pod_of(manifest)
    for kind in ("Deployment", "Job", "CronJob")
    for name, manifest in of_kind(kind).items()
}


def containers_of(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def test_each_manifest_has_the_current_version_of_its_kind() -> None:
    for manifest in MANIFESTS:
        assert manifest["apiVersion"] == API_VERSIONS[manifest["kind"]], manifest["metadata"]


@pytest.mark.parametrize("name", PODS)
def test_containers_have_no_unneeded_rights(name: str) -> None:
    pod = PODS[name]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in containers_of(PODS[name]):
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", PODS)
def test_mounts_and_settings_exist(name: str) -> None:
    volumes = {volume["name"] for volume in PODS[name]["spec"]["volumes"]}
    for container in containers_of(PODS[name]):
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        names = {variable["name"] for variable in container.get("env", [])}
        assert {one.removesuffix("_FILE") for one in names} <= SETTINGS
    assert set(of_kind("ConfigMap")["device-endpoint"]["data"]) <= SETTINGS


def test_selectors_find_their_pods() -> None:
    labels = [pod["metadata"]["labels"] for pod in PODS.values()]
    selectors = [s["spec"]["selector"] for s in of_kind("Service").values()]
    for kind in ("Deployment", "PodDisruptionBudget"):
        selectors += [m["spec"]["selector"]["matchLabels"] for m in of_kind(kind).values()]
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels), selector


def test_only_nginx_reaches_the_services() -> None:
    policy = of_kind("NetworkPolicy")["services-from-nginx-only"]["spec"]
    (expression,) = policy["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == {"device", "staff"}
    (rule,) = policy["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app": "nginx"}}}]
    data = of_kind("ConfigMap")["device-endpoint"]["data"]
    for service in ("device", "staff"):
        (port,) = of_kind("Service")[service]["spec"]["ports"]
        assert data[f"{service.upper()}_UPSTREAMS"] == f"{service}:{port['port']}"
        assert {"protocol": "TCP", "port": port["port"]} in rule["ports"]


def test_nginx_sees_the_proxy_secret_only() -> None:
    pod = PODS["nginx"]["spec"]
    (secret,) = [v["secret"] for v in pod["volumes"] if v["name"] == "proxy-secret"]
    assert [item["key"] for item in secret["items"]] == ["proxy_secret"]
    (nginx,) = pod["containers"]
    assert {mount["name"] for mount in nginx["volumeMounts"]} == {"nginx", "run", "tmp"}
    assert "env" not in nginx
    assert "envFrom" not in nginx


def test_the_page_names_every_file_and_says_what_was_checked() -> None:
    for file in (PROJECT_DIR / "deploy/kubernetes").glob("*.yaml"):
        assert f"`{file.name}`" in HOW_TO
    assert "checked against schemas only" in HOW_TO
    secrets = {"database_url", "secret_key", "proxy_secret"}
    assert set(re.findall(r"--from-file=(\w+)=", HOW_TO)) == secrets
