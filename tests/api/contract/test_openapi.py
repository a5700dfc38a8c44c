"""Both OpenAPI documents as other people's tools see them: a linter, and generators of TypeScript and Python."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import database_of
from tests.support.node import run_npm_program
from tests.support.threaded import Threaded, threaded_pair

FOLDER = Path(__file__).parent
SERVICES = ("matcher", "executor")
SCHEMA_MAPS = ("properties", "patternProperties", "schemas")
SCHEMAS = ("items", "schema", "additionalProperties", "not", "if", "then")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    folder = tmp_path_factory.mktemp("pair")
    with threaded_pair(database_of("sqlite", folder), folder) as served:
        yield served


@pytest.fixture(scope="module")
def documents(pair: Threaded, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The documents as each service serves them, in files."""
    folder = tmp_path_factory.mktemp("openapi")
    for service in SERVICES:
        client = pair.client("contract", "viewer", service=service)
        (folder / f"{service}.json").write_text(client("GET", "/openapi.json").text, "utf-8")
    return {service: folder / f"{service}.json" for service in SERVICES}


@pytest.fixture(scope="module")
def python_clients(documents: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients that openapi-python-client generates, importable as generated_matcher and generated_executor."""
    folder = tmp_path_factory.mktemp("clients")
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    for service, document in documents.items():
        command = [tools / "openapi-python-client", "generate", "--fail-on-warning"]
        command += ["--meta", "none", "--path", document, "--output-path", folder / f"generated_{service}"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        assert "arning" not in done.stdout
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_has_a_schema_for_everything(documents: dict[str, Path], service: str):
    text = documents[service].read_text("utf-8")
    assert "urn:" not in text
    assert "$defs" not in text
    found = list(schemas(json.loads(text)))
    assert len(found) > 100
    assert [place for place, schema in found if schema is True] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_component_is_referenced(documents: dict[str, Path], service: str):
    text = documents[service].read_text("utf-8")
    names = json.loads(text)["components"]["schemas"]
    assert [name for name in names if f'"#/components/schemas/{name}"' not in text] == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_linter_finds_nothing(documents: dict[str, Path], service: str):
    options = ("lint", "--config", FOLDER / "redocly.yaml", documents[service])
    done = run_npm_program("redocly", *options, folder=documents[service].parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()


def test_typescript_programs_compile_with_the_generated_types(documents: dict[str, Path], tmp_path: Path):
    programs = shutil.copytree(FOLDER / "programs", tmp_path / "programs")
    for service, document in documents.items():
        done = run_npm_program(
            "openapi-typescript", document, "--output", tmp_path / f"{service}-types.ts", folder=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warn" not in (done.stdout + done.stderr).lower()
    options = ["--target", "es2022", "--strict", "--skipLibCheck", "false", "--noEmit"]
    done = run_npm_program("tsc", *options, *sorted(programs.glob("*.ts")), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.usefixtures("python_clients")
def test_the_generated_python_client_has_every_operation(documents: dict[str, Path], service: str):
    document = json.loads(documents[service].read_text("utf-8"))
    importlib.import_module(f"generated_{service}.models")
    for methods in document["paths"].values():
        for operation in methods.values():
            tag = operation["tags"][0].lower().replace(" ", "_")
            module = importlib.import_module(f"generated_{service}.api.{tag}.{operation['operationId']}")
            assert callable(module.sync)
            assert callable(module.asyncio)


@pytest.mark.usefixtures("python_clients")
def test_the_generated_python_clients_call_the_services(pair: Threaded):
    token = pair.token("generated", "admin")
    matcher, executor = (
        importlib.import_module(f"generated_{service}").AuthenticatedClient(pair.urls[service], token)
        for service in SERVICES
    )
    operators = importlib.import_module("generated_matcher.api.conditions.list_operators").sync(client=matcher)
    assert "glob" in [operator.name for operator in operators.operators]
    missing = importlib.import_module("generated_executor.api.exceptions.get_exception")
    assert missing.sync("EX-404", client=executor).code == "not_found"
    page = importlib.import_module("generated_executor.api.exceptions.list_exceptions").sync(client=executor)
    assert (page.items, page.next_cursor) == ([], None)


def schemas(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema in a document, with its place."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from schemas(item, f"{place}/{index}")
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in SCHEMA_MAPS and isinstance(value, dict):
                yield from ((f"{place}/{key}/{name}", schema) for name, schema in value.items())
            elif key in SCHEMAS:
                yield f"{place}/{key}", value
            yield from schemas(value, f"{place}/{key}")
