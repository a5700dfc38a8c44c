"""Both services against their own OpenAPI documents, by schemathesis with every check it has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.conftest import database_of
from tests.support.casework import PERSON, Casework, call, new_casework, note, tell
from tests.support.threaded import Threaded, threaded_pair

FOLDER = Path(__file__).parent
BY_ANYONE = ["human", "agent", "system"]
Begun = Callable[[str], AbstractContextManager[tuple[Threaded, Casework]]]


@pytest.fixture
def begun(tmp_path: Path) -> Begun:
    """Starts both services on a database of some kind, with a tenant at work."""

    @contextmanager
    def begin(kind: str) -> Iterator[tuple[Threaded, Casework]]:
        with threaded_pair(database_of(kind, tmp_path), tmp_path) as pair:
            work = new_casework(pair, pair.clock())
            yield pair, work
            assert pair.verify(work.tenant_id).to_json()["faults"] == []

    return begin


@pytest.mark.parametrize(
    ("service", "kind"),
    [("matcher", "sqlite"), pytest.param("executor", "postgres", marks=pytest.mark.postgres)],
)
def test_a_service_keeps_to_its_document(begun: Begun, tmp_path: Path, service: str, kind: str):
    with begun(kind) as (pair, work):
        work.publish("Plan", [note(), tell(), call()])
        hold(pair, work, service, tmp_path, examples=6)


def test_work_on_an_exception_keeps_to_the_document(begun: Begun, tmp_path: Path):
    with begun("sqlite") as (pair, work):
        hold_at_work(pair, work, tmp_path, examples=6)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
@pytest.mark.parametrize("service", ["matcher", "executor"])
def test_a_service_keeps_to_its_document_at_length(begun: Begun, tmp_path: Path, service: str, kind: str):
    with begun(kind) as (pair, work):
        hold(pair, work, service, tmp_path, examples=150)
        if service == "executor":
            hold_at_work(pair, work, tmp_path, examples=150)


def hold_at_work(pair: Threaded, work: Casework, folder: Path, *, examples: int) -> None:
    """Hold the executor to its document on an exception that is there and has steps to go."""
    playbook_id = work.publish("Plan", [note(), tell(), call()])
    named = {"EXCEPTION_ID": work.create_exception(), "PLAYBOOK_ID": str(playbook_id)}
    only = ["--include-path-regex", r"\{(exception_id|playbook_id)\}"]
    # It would take a name that the settings replace for the bad one that was made up first.
    only += ["--exclude-checks", "negative_data_rejection"]
    hold(pair, work, "executor", folder, *only, examples=examples, config="schemathesis-work.toml", named=named)


def hold(
    pair: Threaded,
    work: Casework,
    service: str,
    folder: Path,
    *options: str,
    examples: int,
    config: str = "schemathesis.toml",
    named: dict[str, str] | None = None,
) -> None:
    """Hold a service to its document; fails with what schemathesis found."""
    token = pair.token(work.tenant_id, "admin", subject=PERSON["actor_id"], may_act_for=BY_ANYONE)
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", FOLDER / config, "run"]
    command += [f"{pair.urls[service]}/openapi.json", "--header", f"Authorization: Bearer {token}", *options]
    command += ["--checks", "all", "--no-color", "--max-examples", str(examples)]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(named or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
