"""A log that was changed past the services: the database refuses it, and where it was forced it is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import DBAPIError
from tests.conftest import database_of
from tests.support.casework import new_casework
from tests.support.processes import environment_of
from tests.support.tampering import Scene, indexed, staged

from executor.domain import hash_chain
from executor.domain.model import Event
from executor.store.tables import ExceptionEventRow

_WHERE = "WHERE tenant_id = :tenant_id AND exception_id = :exception_id AND seq = :seq"


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Iterator[Scene]:
    with staged(database_url, tmp_path) as found:
        yield found


def _key(scene: Scene, seq: int) -> dict[str, Any]:
    return {"tenant_id": scene.work.tenant_id, "exception_id": scene.exception_id, "seq": seq}


def _delete(connection: Connection, scene: Scene, seq: int) -> None:
    statement = f"DELETE FROM exception_event {_WHERE}"
    assert connection.execute(text(statement), _key(scene, seq)).rowcount == 1


def _shift(connection: Connection, scene: Scene, seq: int, to: int | None = None) -> None:
    statement = f"UPDATE exception_event SET seq = :new {_WHERE}"
    connection.execute(text(statement), {**_key(scene, seq), "new": seq + 1 if to is None else to})


def _sealed(scene: Scene, made_up: Event) -> Event:
    return hash_chain.seal(made_up, scene.work.tenant_id, scene.exception_id)


def _insert(connection: Connection, scene: Scene, made_up: Event) -> None:
    place = {"tenant_id": scene.work.tenant_id, "exception_id": scene.exception_id}
    row = {**place, **indexed(made_up), **asdict(made_up)}
    connection.execute(insert(ExceptionEventRow.__table__), row)


def hold(scene: Scene, seq: int) -> None:
    """The fault is found where it is, by the API and by the proof over the whole database, and nowhere else."""
    assert scene.found() == (False, seq)
    [fault] = scene.pair.verify().faults
    assert (fault.tenant_id, fault.exception_id) == (scene.work.tenant_id, scene.exception_id)
    assert fault.first_broken_seq == seq


@pytest.mark.parametrize("statement", ["UPDATE exception_event SET actor_id = 'x'", "DELETE FROM exception_event"])
def test_the_database_itself_refuses(scene: Scene, statement: str):
    with pytest.raises(DBAPIError, match="append-only"), scene.raw(disarmed=False) as connection:
        connection.execute(text(statement))
    assert scene.found() == (True, None)


CHANGES = {
    "payload": """'{"text": "Nothing happened."}'""",
    "event_type": "'ExceptionUpdated'",
    "actor_type": "'auditor'",
    "actor_id": "'somebody-else'",
    "created_at": "'2026-01-01 00:00:00.000000'",
    "event_id": "'01890000-0000-7000-8000-000000000000'",
    "prev_hash": f"'{'0' * 63}1'",
    "hash": f"'{'a' * 64}'",
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_event_is_found_where_it_is(scene: Scene, column: str):
    seq = scene.chance.randint(1, len(scene.log()))
    with scene.raw() as connection:
        changed = connection.execute(
            text(f"UPDATE exception_event SET {column} = {CHANGES[column]} {_WHERE}"), _key(scene, seq)
        )
        assert changed.rowcount == 1
    hold(scene, seq)


@pytest.mark.parametrize("column", ["run", "step_order"])
def test_an_event_that_was_filed_elsewhere_is_found(scene: Scene, column: str):
    seq = next(each.seq for each in scene.log() if each.event_type == "PlaybookStepCompleted")
    with scene.raw() as connection:
        connection.execute(text(f"UPDATE exception_event SET {column} = 77 {_WHERE}"), _key(scene, seq))
    hold(scene, seq)


@pytest.mark.parametrize("event_type", ["PlaybookRecalculated", "ResolutionSuggested", "FeedbackCaptured"])
def test_an_event_that_was_taken_out_of_its_run_is_found(scene: Scene, event_type: str):
    seq = next(each.seq for each in scene.log() if each.event_type == event_type)
    with scene.raw() as connection:
        connection.execute(text(f"UPDATE exception_event SET run = NULL {_WHERE}"), _key(scene, seq))
    hold(scene, seq)


@pytest.mark.parametrize("event_type", ["PlaybookStepCompleted", "CommentAdded"])
@pytest.mark.parametrize("seq", [0, -7])
def test_an_event_put_before_the_first_is_found(scene: Scene, seq: int, event_type: str):
    made_up = next(each for each in scene.log() if each.event_type == event_type)
    payload = {**made_up.payload, "run": 1, "step_order": 99}
    with scene.raw() as connection:
        _insert(connection, scene, _sealed(scene, replace(made_up, seq=seq, payload=payload, event_id="new")))
    hold(scene, 1)


@pytest.mark.parametrize("whence", ["first", "middle", "last"])
def test_a_deleted_event_is_found_where_it_is_missing(scene: Scene, whence: str):
    end = len(scene.log())
    seq = {"first": 1, "middle": scene.chance.randint(2, end - 1), "last": end}[whence]
    with scene.raw() as connection:
        _delete(connection, scene, seq)
    hold(scene, seq)


def test_a_log_cut_short_is_found_where_it_ends(scene: Scene):
    end = len(scene.log())
    kept = scene.chance.randint(1, end - 1)
    with scene.raw() as connection:
        for seq in range(kept + 1, end + 1):
            _delete(connection, scene, seq)
    hold(scene, kept + 1)


def test_an_event_put_at_the_end_with_an_honest_hash_is_found(scene: Scene):
    last = scene.log()[-1]
    with scene.raw() as connection:
        _insert(
            connection, scene, _sealed(scene, replace(last, seq=last.seq + 1, prev_hash=last.hash, event_id="new"))
        )
    hold(scene, last.seq + 1)


def test_an_event_put_in_between_is_found(scene: Scene):
    log = scene.log()
    at = scene.chance.randint(2, len(log))
    with scene.raw() as connection:
        for each in reversed(log[at - 1 :]):
            _shift(connection, scene, each.seq)
        before = log[at - 2]
        made_up = replace(log[1], seq=at, prev_hash=before.hash, event_id="new")
        _insert(connection, scene, _sealed(scene, made_up))
    # The one put in is whole in itself; the first that does not follow is the next.
    hold(scene, at + 1)


def test_events_that_changed_places_are_found(scene: Scene):
    at = scene.chance.randint(1, len(scene.log()) - 1)
    with scene.raw() as connection:
        for old, new in ((at, 1000), (at + 1, at), (1000, at + 1)):
            _shift(connection, scene, old, new)
    hold(scene, at)


def test_a_changed_event_with_an_honest_hash_is_found_by_the_next(scene: Scene):
    log = scene.log()
    changed = scene.chance.choice(log[:-1])
    with scene.raw() as connection:
        _delete(connection, scene, changed.seq)
        _insert(connection, scene, _sealed(scene, replace(changed, actor_id="forger")))
    hold(scene, changed.seq + 1)


def test_a_log_rewritten_from_some_point_is_detected_by_its_end(scene: Scene):
    log = scene.log()
    at = scene.chance.randint(2, len(log))
    with scene.raw() as connection:
        last = log[at - 2].hash
        for each in log[at - 1 :]:
            _delete(connection, scene, each.seq)
            resealed = _sealed(scene, replace(each, prev_hash=last, actor_id="forger"))
            _insert(connection, scene, resealed)
            last = resealed.hash
    hold(scene, len(log))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("payload", "no json"),
        ("payload", '{"text": NaN}'),
        ("payload", "[1"),
        ("created_at", "soon"),
        ("prev_hash", 5),
    ],
)
def test_what_cannot_even_be_read_is_found_too(tmp_path: Path, column: str, value: Any):
    # Only SQLite lets it be written.
    with staged(database_of("sqlite", tmp_path), tmp_path) as scene:
        seq = scene.chance.randint(2, len(scene.log()))
        with scene.raw() as connection:
            statement = f"UPDATE exception_event SET {column} = :value {_WHERE}"
            connection.execute(text(statement), {**_key(scene, seq), "value": value})
        hold(scene, seq)


FIELDS = {
    "status": "'resolved'",
    "severity": "'critical'",
    "current_step": "2",
    "current_playbook_id": "NULL",
    "owner_id": "'nobody'",
    "entity": "'Another'",
    "amount": "'1.5'",
    "domain": "'Elsewhere'",
    "playbook_run": "9",
    "sla_deadline": "'2030-01-01 00:00:00.000000'",
    "normalized_context": "'{}'",
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_is_not_what_the_log_says_is_named(scene: Scene, field: str):
    where = "WHERE tenant_id = :tenant_id AND exception_id = :exception_id"
    before = scene.fields()
    with scene.raw(disarmed=False) as connection:
        statement = f"UPDATE exception SET {field} = {FIELDS[field]} {where}"
        assert connection.execute(text(statement), _key(scene, 0)).rowcount == 1
    assert scene.found() == (True, None)
    [fault] = scene.pair.verify().faults
    assert (fault.exception_id, fault.first_broken_seq) == (scene.exception_id, None)
    assert list(fault.differences) == [field]
    stored, by_log = fault.differences[field]
    assert stored != by_log == before[field]


def test_a_deleted_exception_row_is_detected(tmp_path: Path):
    with staged(database_of("sqlite", tmp_path), tmp_path) as scene:
        with scene.raw() as connection:
            for table in ("outbox", "exception"):
                connection.execute(
                    text(f"DELETE FROM {table} WHERE exception_id = :exception_id"),
                    {"exception_id": scene.exception_id},
                )
        [fault] = scene.pair.verify().faults
        assert (fault.exception_id, fault.describe()) == (scene.exception_id, "row is missing")


def test_an_exception_with_an_unreadable_row_is_reported(tmp_path: Path):
    with staged(database_of("sqlite", tmp_path), tmp_path) as scene:
        with scene.raw() as connection:
            statement = "UPDATE exception SET normalized_context = 'no json' WHERE exception_id = :exception_id"
            connection.execute(text(statement), {"exception_id": scene.exception_id})
        [fault] = scene.pair.verify().faults
        assert (fault.exception_id, fault.describe()) == (scene.exception_id, "row cannot be read")


def test_the_command_says_where_and_fails(scene: Scene):
    command = [Path(sys.executable).with_name("executor"), "verify"]
    environment = {**os.environ, **environment_of(scene.pair.settings), "COLUMNS": "200"}

    def verify(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)

    well = verify()
    assert (well.returncode, "✓ Verified: 1 tenant, 2 exceptions" in well.stdout) == (0, True)
    with scene.raw() as connection:
        _delete(connection, scene, 3)
    ill = verify()
    assert ill.returncode == 1
    [line] = [line for line in ill.stdout.splitlines() if scene.exception_id in line]
    cells = [cell.strip() for cell in line.split("│")[1:-1]]
    assert cells == [scene.work.tenant_id, scene.exception_id, "hash chain breaks at seq 3"]
    assert "✗ Verification found 1 fault " in ill.stdout
    report = json.loads(verify("--json", "--tenant", scene.work.tenant_id).stdout)
    assert (report["valid"], report["faults"][0]["first_broken_seq"]) == (False, 3)
    neighbour = new_casework(scene.pair, scene.pair.clock())
    assert verify("--tenant", neighbour.tenant_id).returncode == 0
    assert verify("--tenant", "nobody").returncode == 2


def test_the_command_says_which_field_is_what(scene: Scene):
    before = scene.fields()
    with scene.raw(disarmed=False) as connection:
        statement = "UPDATE exception SET entity = '[red]Nobody' WHERE exception_id = :exception_id"
        connection.execute(text(statement), {"exception_id": scene.exception_id})
    command = [Path(sys.executable).with_name("executor"), "verify"]
    environment = {**os.environ, **environment_of(scene.pair.settings), "COLUMNS": "200"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f'entity is "[red]Nobody" in the row, "{before["entity"]}" by the log' in done.stdout


ODD = {
    "composed and decomposed": {"é": "é", "e\u0301": "e\u0301"},
    "order by UTF-16": {"\ufb33": 1, "\U0001f602": 2, "z": 3, "\u20ac": 4},
    "numbers at the edge": [
        1e300,
        5e-324,
        -0.0,
        0.1,
        1e21,
        123456789012345680000,
        2**53,
        2**53 + 1,
        -(2**63),
        10**300,
    ],
    "nothing in many ways": {"": {}, "list": [], "null": None, "no": False, "text": ""},
    "signs that mean something": {"\u0001": '\u2028\u2029 "\\ / \b\f', "__proto__": {"$ref": "#"}},
    "a long nest": json.loads("[" * 30 + "]" * 30),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_log_of_odd_content_is_whole(scene: Scene, odd: str):
    exception_id = scene.work.create_exception(normalized_context={"odd": ODD[odd]})
    scene.work.complete(exception_id, 1)
    path = f"/api/exceptions/{exception_id}"
    assert scene.work.admin.ok("GET", path)["normalized_context"] == {"odd": ODD[odd]}
    assert scene.work.admin.ok("GET", f"{path}/events/verify")["valid"]
    assert scene.pair.verify().valid
