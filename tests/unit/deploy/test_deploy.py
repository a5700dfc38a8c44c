"""Deployment files: parsed, validated by their schemas, and compared with the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import kubernetes_validate
import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY
from tests.support.processes import ROOT

from sentinai import telemetry
from sentinai.settings import PASSWORD_VARIABLES, Settings, load, variable

DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.stem != "kustomization")
KNOWN = {*PASSWORD_VARIABLES, *map(variable, fields(Settings))}
SHIPPED = [path for path in DEPLOY.rglob("*") if path.is_file() and not {"demo", "__pycache__"} & set(path.parts)]


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in MANIFESTS:
        for each in documents(path):
            if each["kind"] in ("Deployment", "Job"):
                yield each["metadata"]["name"], each["spec"]["template"]["spec"]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifests_are_valid_by_the_schemas_of_kubernetes(path: Path) -> None:
    for each in documents(path):
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_every_manifest() -> None:
    (kustomization,) = documents(DEPLOY / "kubernetes" / "kustomization.yaml")
    assert sorted(kustomization["resources"]) == [path.name for path in MANIFESTS]
    literals = kustomization["configMapGenerator"][0]["literals"]
    load(dict(each.split("=", 1) for each in literals))


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=[name for name, _ in pods()])
def test_containers_may_do_as_little_as_they_need(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        held = container["securityContext"]
        assert held["readOnlyRootFilesystem"]
        assert held["allowPrivilegeEscalation"] is False
        assert held["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", ["matcher", "executor"])
def test_services_are_probed_where_they_listen(name: str) -> None:
    deployment, service = documents(DEPLOY / "kubernetes" / f"{name}.yaml")[:2]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    port = getattr(Settings(), f"{name}_port")
    assert container["ports"] == [{"name": "http", "containerPort": port}]
    assert f"0.0.0.0:{port}" in container["command"]
    assert service["spec"]["ports"][0]["port"] == port
    for query in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[query]["httpGet"]["path"] in ("/healthz", "/readyz")


@pytest.mark.parametrize("name", ["executor", "worker"])
def test_a_new_version_waits_for_its_schema(name: str) -> None:
    (first,) = dict(pods())[name]["initContainers"]
    assert "executor migrate --check" in first["command"][-1]


def test_network_policies_allow_serving_and_scraping() -> None:
    reachable: dict[str, set[int]] = {}
    for policy in documents(DEPLOY / "kubernetes" / "network-policies.yaml"):
        chosen = policy["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name")
        for rule in policy["spec"].get("ingress", ()):
            if {"namespaceSelector": {"matchLabels": {"sentinai.io/may-call": "true"}}} in rule["from"]:
                reachable.setdefault(chosen, set()).update(each["port"] for each in rule["ports"])
    for name in ("matcher", "executor", "worker"):
        template = documents(DEPLOY / "kubernetes" / f"{name}.yaml")[0]["spec"]["template"]
        scraped = int(template["metadata"]["annotations"]["prometheus.io/port"])
        (container,) = template["spec"]["containers"]
        assert {scraped, *(each["containerPort"] for each in container["ports"])} == reachable[name]


def test_each_stops_no_sooner_than_what_it_waits_for() -> None:
    """gunicorn gives up before it is killed; nginx lets go of a connection before gunicorn closes it."""
    gunicorn = (DEPLOY / "gunicorn.conf.py").read_text()
    waits, keeps = (
        int(re.search(rf"^{name} = (\d+)$", gunicorn, re.MULTILINE)[1])  # type: ignore[index]
        for name in ("graceful_timeout", "keepalive")
    )
    (compose,) = documents(DEPLOY / "compose.yaml")
    for stopped in (compose["x-service"], compose["services"]["nginx"]):
        assert int(stopped["stop_grace_period"].rstrip("s")) > waits
    for name in ("matcher", "executor"):
        (container,) = dict(pods())[name]["containers"]
        pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
        assert dict(pods())[name]["terminationGracePeriodSeconds"] > waits + pause
    nginx = (DEPLOY / "nginx" / "sentinai.conf.template").read_text()
    idle = [int(seconds) for seconds in re.findall(r"keepalive_timeout (\d+)s;", nginx)]
    assert len(idle) == 2
    assert max(idle) < keeps


def test_every_variable_in_the_deployment_files_is_documented() -> None:
    for path in SHIPPED:
        for name in re.findall(r"\bSENTINAI_[A-Z_]+[A-Z]\b", path.read_text()):
            assert name in KNOWN, (path.name, name)


def test_compose_starts_what_the_processes_are() -> None:
    (compose,) = documents(DEPLOY / "compose.yaml")
    services = compose["services"]
    assert {"postgres", "migrate", "matcher", "executor", "worker", "nginx"} == set(services)
    for name in ("migrate", "matcher", "executor", "worker"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
    for name in ("matcher", "executor"):
        assert f"{name}.app:create_app()" in services[name]["command"]


ROLE_OF = {"matcher": "matcher", "executor": "executor", "worker": "executor", "migrate": "owner"}


@pytest.mark.parametrize(("name", "role"), ROLE_OF.items(), ids=list(ROLE_OF))
def test_each_process_connects_in_its_own_role(name: str, role: str) -> None:
    (compose,) = documents(DEPLOY / "compose.yaml")
    url = compose["services"][name]["environment"]["SENTINAI_DATABASE_URL"]
    assert url.startswith(f"postgresql+psycopg://sentinai_{role}:${{SENTINAI_{role.upper()}_PASSWORD")
    (container,) = dict(pods())[name]["containers"]
    given = {each["name"]: each for each in container["env"]}["SENTINAI_DATABASE_URL"]
    assert given["valueFrom"]["secretKeyRef"]["key"] == f"{role}-database-url"


def test_alerts_are_about_metrics_that_there_are() -> None:
    known = {family.name for family in REGISTRY.collect()}
    assert telemetry.MATCHES
    (rules,) = documents(DEPLOY / "alerts.yaml")
    for rule in rules["groups"][0]["rules"]:
        promql_parser.parse(rule["expr"])
        for name in re.findall(r"sentinai_\w+", rule["expr"]):
            assert re.sub(r"_(total|count|bucket|sum)$", "", name) in known, name
