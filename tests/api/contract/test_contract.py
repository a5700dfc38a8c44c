"""Both services against their own OpenAPI documents, by schemathesis with all its checks."""

from __future__ import annotations

import math
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

from sentinai import deadline

FOLDER = Path(__file__).parent
BY_ANYONE = ["human", "agent", "system"]
StartPair = Callable[[str], AbstractContextManager[tuple[Threaded, Casework]]]


@pytest.fixture(autouse=True)
def patient_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No deadline passes: whether a short one is met depends on the machine."""
    monkeypatch.setattr(deadline, "seconds_left", lambda: math.inf)


@pytest.fixture
def start_pair(tmp_path: Path) -> StartPair:
    """Starts both services on a database of the given kind, with a tenant."""

    @contextmanager
    def start(kind: str) -> Iterator[tuple[Threaded, Casework]]:
        with threaded_pair(database_of(kind, tmp_path), tmp_path) as pair:
            work = new_casework(pair, pair.clock())
            yield pair, work
            assert pair.verify(work.tenant_id).to_json()["faults"] == []

    return start


@pytest.mark.parametrize(
    ("service", "kind"),
    [("matcher", "sqlite"), pytest.param("executor", "postgres", marks=pytest.mark.postgres)],
)
def test_a_service_conforms_to_its_document(start_pair: StartPair, tmp_path: Path, service: str, kind: str):
    with start_pair(kind) as (pair, work):
        work.publish("Plan", [note(), tell(), call()])
        check(pair, work, service, tmp_path, examples=6)


def test_work_on_an_exception_conforms_to_the_document(start_pair: StartPair, tmp_path: Path):
    with start_pair("sqlite") as (pair, work):
        check_work(pair, work, tmp_path, examples=6)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
@pytest.mark.parametrize("service", ["matcher", "executor"])
def test_a_service_conforms_to_its_document_at_length(
    start_pair: StartPair, tmp_path: Path, service: str, kind: str
):
    with start_pair(kind) as (pair, work):
        check(pair, work, service, tmp_path, examples=150)
        if service == "executor":
            check_work(pair, work, tmp_path, examples=150)


def check_work(pair: Threaded, work: Casework, folder: Path, *, examples: int) -> None:
    """Test the executor against its document on an existing exception with steps to finish."""
    playbook_id = work.publish("Plan", [note(), tell(), call()])
    named = {"EXCEPTION_ID": work.create_exception(), "PLAYBOOK_ID": str(playbook_id)}
    only = ["--include-path-regex", r"\{(exception_id|playbook_id)\}"]
    # It would take a path parameter that the configuration replaces for the invalid one that it generated.
    only += ["--exclude-checks", "negative_data_rejection"]
    check(pair, work, "executor", folder, *only, examples=examples, config="schemathesis-work.toml", named=named)


def check(
    pair: Threaded,
    work: Casework,
    service: str,
    folder: Path,
    *options: str,
    examples: int,
    config: str = "schemathesis.toml",
    named: dict[str, str] | None = None,
) -> None:
    """Test a service against its document; fails with the findings of schemathesis."""
    token = pair.token(work.tenant_id, "admin", subject=PERSON["actor_id"], may_act_for=BY_ANYONE)
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", FOLDER / config, "run"]
    command += [f"{pair.urls[service]}/openapi.json", "--header", f"Authorization: Bearer {token}", *options]
    command += ["--checks", "all", "--no-color", "--max-examples", str(examples)]
    hooks = {
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "PYTHONPATH": f"{FOLDER}:{os.environ.get('PYTHONPATH', '')}",
    }
    environment = {**os.environ, **hooks, **(named or {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
