"""Which way imports run: forbidden ones are planted in a copy, one for each layer, and each is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.support.processes import ROOT

PACKAGES = ("shared/sentinai", "matcher-service/matcher", "executor-service/executor")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PLANTED = [
    ("shared/sentinai/problems.py", "from sentinai import settings"),
    ("shared/sentinai/clock.py", "import time"),
    ("shared/sentinai/exception_fields.py", "import sqlalchemy"),
    ("shared/sentinai/settings.py", "from sentinai import telemetry"),
    ("shared/sentinai/documents/strict_json.py", "from sentinai.conditions import parse"),
    ("shared/sentinai/documents/schemas.py", "import requests"),
    ("shared/sentinai/templates/render.py", "from sentinai import client"),
    ("shared/sentinai/conditions/language/guard.py", "from sentinai.database import engine"),
    ("shared/sentinai/conditions/language/guard.py", "from sentinai.web import app"),
    ("shared/sentinai/conditions/language/guard.py", "from sentinai.conditions.evaluation import evaluate"),
    ("shared/sentinai/conditions/evaluation/context.py", "from sentinai.conditions.explanation import explain"),
    ("shared/sentinai/conditions/explanation/explain.py", "from sentinai.conditions.lint import lint"),
    ("shared/sentinai/packs.py", "import random"),
    ("shared/sentinai/database/engine.py", "from sentinai import identity"),
    ("shared/sentinai/identity.py", "from sentinai.web import session"),
    ("shared/sentinai/web/app.py", "from executor import bootstrap"),
    ("matcher-service/matcher/matching/index_query.py", "from matcher.catalogue import reader"),
    ("matcher-service/matcher/matching/index_query.py", "from matcher.catalogue import revision"),
    ("matcher-service/matcher/matching/reasoning.py", "from matcher.authoring import output"),
    ("matcher-service/matcher/matching/matcher.py", "from sentinai import telemetry"),
    ("matcher-service/matcher/catalogue/revision.py", "from matcher.web import match"),
    ("matcher-service/matcher/authoring/review.py", "from matcher import bootstrap"),
    ("matcher-service/matcher/bootstrap.py", "from matcher.web import packs"),
    ("matcher-service/matcher/web/match.py", "from matcher import cli"),
    ("matcher-service/matcher/app.py", "from executor.domain import risk"),
    ("executor-service/executor/domain/risk.py", "from executor.agents import triage"),
    ("executor-service/executor/domain/risk.py", "import sqlite3"),
    ("executor-service/executor/domain/risk.py", "import psycopg"),
    ("executor-service/executor/domain/risk.py", "from executor.web.console import links"),
    ("executor-service/executor/domain/fold.py", "from executor.actions import notify"),
    ("executor-service/executor/actions/notify.py", "from executor.agents import feedback"),
    ("executor-service/executor/actions/call_tool.py", "import requests"),
    ("executor-service/executor/agents/triage.py", "from executor.store import exceptions"),
    ("executor-service/executor/agents/policy.py", "from executor.service_layer import recommend"),
    ("executor-service/executor/service_layer/steps.py", "from executor.store import unit_of_work"),
    ("executor-service/executor/service_layer/ports.py", "from executor import matcher_client"),
    ("executor-service/executor/store/events.py", "from executor.service_layer import steps"),
    ("executor-service/executor/publishing/packs.py", "from executor import bootstrap"),
    ("executor-service/executor/bootstrap.py", "from executor.web import exceptions"),
    ("executor-service/executor/delivery.py", "from executor import worker"),
    ("executor-service/executor/web/console/links.py", "from executor import cli"),
    ("executor-service/executor/worker.py", "from executor import app"),
    ("executor-service/executor/unlisted.py", "import json"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources and their contracts, to be spoiled."""
    folder = tmp_path_factory.mktemp("copy")
    for name in (*PACKAGES, "tests/support"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.js", "*.png"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(folder / name) for name in ("shared", "matcher-service", "executor-service"))
    command = [Path(sys.executable).with_name("lint-imports"), "--cache-dir", folder / "cache"]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_copy_keeps_every_contract(copy: Path):
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


@pytest.mark.parametrize(("file", "planted"), PLANTED)
def test_a_forbidden_import_is_refused(copy: Path, file: str, planted: str):
    source = copy / file
    before = source.read_text() if source.exists() else None
    source.write_text(f"{before or ''}\n{planted}\n")
    try:
        done = lint(copy)
    finally:
        source.write_text(before) if before is not None else source.unlink()
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout or "unlisted" in done.stdout, done.stdout + done.stderr


def test_nothing_is_ignored():
    assert not [contract["name"] for contract in CONTRACTS if "ignore_imports" in contract]
    layered = [contract for contract in CONTRACTS if contract["type"] == "layers" and "containers" in contract]
    assert layered
    assert all(contract["exhaustive"] for contract in layered)


def test_what_a_pure_package_may_import_has_a_list_of_its_own():
    lists = [contract for contract in CONTRACTS if contract["type"] == "allowed_imports"]
    pure = {name for contract in lists for name in contract["source_modules"]}
    allowed = {name for contract in lists for name in contract["allowed_modules"]}
    assert {name for name in allowed if name.split(".")[0] in ("sentinai", "matcher", "executor")} <= pure
