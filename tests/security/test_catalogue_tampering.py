"""A catalogue that was changed past the services: packs, playbooks, and the log of who stored them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.conftest import database_of
from tests.support.casework import domain_pack, note
from tests.support.tampering import Scene, staged

from executor.verification.faults import RecordFault


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Iterator[Scene]:
    """Besides the playbook of the scene, one in two versions, the first of them retired; each pack in two."""
    with staged(database_url, tmp_path) as found:
        work = found.work
        first = work.publish("Two", [note()], exception_type="Bill Mismatch")
        work.publish("Two", [note("Note it well")], exception_type="Bill Mismatch")
        work.admin.ok("POST", f"/api/playbooks/{first}/retire")
        work.policy(tags=["night"], human_approval_rules=[{"severity": "critical"}])
        _another_domain_pack(found)
        assert found.pair.verify().valid
        yield found


def _another_domain_pack(scene: Scene) -> None:
    pack = {**domain_pack(scene.work.domain), "severity_rules": []}
    scene.work.admin.ok("PUT", f"/api/domain-packs/{scene.work.domain}", pack)


Found = tuple[str, str]
WAYS: dict[str, tuple[str, Found]] = {
    "the conditions of a playbook": (
        """UPDATE playbook SET conditions = '{"match": {}, "priority": 99}' WHERE name = 'Four'""",
        ("playbook", "changed"),
    ),
    "its description": (
        "UPDATE playbook SET description = 'Approved by legal.' WHERE name = 'Four'",
        ("playbook", "changed"),
    ),
    "the name": ("UPDATE playbook SET name = 'Five' WHERE name = 'Four'", ("playbook", "changed")),
    "when it was published": (
        "UPDATE playbook SET created_at = '2020-01-01 00:00:00.000000' WHERE name = 'Four'",
        ("playbook", "changed"),
    ),
    "what it ranks by": (
        "UPDATE playbook SET origin_created_at = '2020-01-01 00:00:00.000000' WHERE name = 'Two' AND version = 2",
        ("playbook", "changed"),
    ),
    "the parameters of a step": (
        """UPDATE playbook_step SET params = '{"text": "Seen."}' WHERE name = 'Look'""",
        ("playbook", "changed"),
    ),
    "the order of steps": (
        "UPDATE playbook_step SET step_order = 9 WHERE name = 'Look'",
        ("playbook", "changed"),
    ),
    "a step less": ("DELETE FROM playbook_step WHERE name = 'Move on'", ("playbook", "changed")),
    "a playbook retired": ("UPDATE playbook SET status = 'retired' WHERE name = 'Four'", ("playbook", "status")),
    "a retired one in use": (
        "UPDATE playbook SET status = 'active' WHERE name = 'Two' AND version = 1",
        ("playbook", "status"),
    ),
    "the approval rules": (
        """UPDATE policy_pack SET pack = '{"approved_tools": ["reread_meter"], "tags": ["night"]}' """
        "WHERE version = 2",
        ("policy_pack", "changed"),
    ),
    "an earlier policy": ("UPDATE policy_pack SET pack = '{}' WHERE version = 1", ("policy_pack", "changed")),
    "when a policy was stored": (
        "UPDATE policy_pack SET created_at = '2020-01-01 00:00:00.000000' WHERE version = 1",
        ("policy_pack", "changed"),
    ),
    "a policy less": ("DELETE FROM policy_pack WHERE version = 2", ("policy_pack", "missing")),
    "a policy more": (
        "INSERT INTO policy_pack (tenant_id, version, pack, created_at) "
        "SELECT tenant_id, 3, pack, created_at FROM policy_pack WHERE version = 1",
        ("policy_pack", "unrecorded"),
    ),
    "a Domain Pack": ("UPDATE domain_pack SET pack = '{}' WHERE version = 2", ("domain_pack", "changed")),
    "a Domain Pack less": ("DELETE FROM domain_pack WHERE version = 2", ("domain_pack", "missing")),
    "a Domain Pack more": (
        "INSERT INTO domain_pack (domain, version, pack, created_at) "
        "SELECT domain, 3, pack, created_at FROM domain_pack WHERE version = 1",
        ("domain_pack", "unrecorded"),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_changed_is_named(scene: Scene, way: str):
    statement, found = WAYS[way]
    with scene.raw(disarmed=False) as connection:
        assert connection.execute(text(statement)).rowcount == 1
    faults = scene.pair.verify().faults
    assert [(each.kind, each.code) for each in faults if isinstance(each, RecordFault)] == [found]
    assert len(faults) == 1


def test_a_playbook_that_nobody_published_is_named(scene: Scene):
    kept = "tenant_id, version, status, description, conditions, on_completion, created_at"
    with scene.raw(disarmed=False) as connection:
        connection.execute(
            text(f"INSERT INTO playbook (name, {kept}) SELECT 'Forged', {kept} FROM playbook WHERE name = 'Four'")
        )
    [fault] = scene.pair.verify().faults
    assert (fault.kind, fault.code) == ("playbook", "unrecorded")


@pytest.mark.parametrize("statement", ["UPDATE catalogue_event SET actor_id = 'x'", "DELETE FROM catalogue_event"])
def test_the_database_refuses_to_change_the_log(scene: Scene, statement: str):
    with pytest.raises(DBAPIError, match="append-only"), scene.raw(disarmed=False) as connection:
        connection.execute(text(statement))
    assert scene.pair.verify().valid


LOG_WAYS = {
    "another author": "UPDATE catalogue_event SET actor_id = 'somebody-else' WHERE seq = :seq",
    "another type": "UPDATE catalogue_event SET event_type = 'PlaybookRetired' WHERE seq = :seq",
    "another time": "UPDATE catalogue_event SET created_at = '2026-01-01 00:00:00.000000' WHERE seq = :seq",
    "another payload": """UPDATE catalogue_event SET payload = '{"version": 9}' WHERE seq = :seq""",
    "another hash": f"UPDATE catalogue_event SET hash = '{'a' * 64}' WHERE seq = :seq",
    "an event less": "DELETE FROM catalogue_event WHERE seq = :seq",
    "the end cut off": "DELETE FROM catalogue_event WHERE seq >= :seq",
}


@pytest.mark.parametrize("way", LOG_WAYS)
def test_a_changed_log_is_found_where_it_is(scene: Scene, way: str):
    end = len(scene.work.catalogue_events())
    seq = scene.chance.randint(1, end)
    with scene.raw() as connection:
        assert connection.execute(text(LOG_WAYS[way]), {"seq": seq}).rowcount >= 1
    [fault] = scene.pair.verify().faults
    assert (fault.kind, fault.code, fault.first_broken_seq) == ("catalogue_log", "broken_chain", seq)
    proof = scene.work.admin.ok("GET", "/api/catalogue/events/verify")
    assert (proof["valid"], proof["first_broken_seq"]) == (False, seq)


def test_a_log_cut_with_its_end_refitted_leaves_what_nobody_published(scene: Scene):
    with scene.raw() as connection:
        connection.execute(text("DELETE FROM catalogue_event WHERE seq > 4"))
        connection.execute(
            text(
                "UPDATE tenant SET event_seq = 4, "
                "event_hash = (SELECT hash FROM catalogue_event WHERE seq = 4 AND tenant_id = tenant.tenant_id)"
            )
        )
    assert scene.work.admin.ok("GET", "/api/catalogue/events/verify")["valid"]
    faults = {(each.kind, each.code) for each in scene.pair.verify().faults}
    assert {("playbook", "unrecorded"), ("policy_pack", "unrecorded"), ("domain_pack", "unrecorded")} <= faults


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE catalogue_event SET payload = 'no json' WHERE seq = 3", ("catalogue_log", "broken_chain")),
        ("UPDATE playbook SET conditions = 'no json' WHERE name = 'Four'", ("playbook", "changed")),
        ("UPDATE policy_pack SET pack = '[1' WHERE version = 2", ("policy_pack", "changed")),
        ("UPDATE domain_pack SET pack = '[1' WHERE version = 2", ("domain_pack", "changed")),
    ],
)
def test_what_cannot_even_be_read_is_named_too(tmp_path: Path, statement: str, found: Found):
    # Only SQLite lets it be written.
    with staged(database_of("sqlite", tmp_path), tmp_path) as scene:
        scene.work.policy(tags=["night"])
        _another_domain_pack(scene)
        with scene.raw() as connection:
            assert connection.execute(text(statement)).rowcount == 1
        [fault] = scene.pair.verify().faults
        assert (fault.kind, fault.code) == found


def test_messages_taken_out_of_the_outbox_are_missed(scene: Scene):
    exceptions = scene.work.admin.ok("GET", "/api/exceptions")["items"]
    with scene.raw(disarmed=False) as connection:
        assert connection.execute(text("DELETE FROM outbox")).rowcount == len(exceptions)
    faults = scene.pair.verify().faults
    assert {each.exception_id for each in faults} == {each["exception_id"] for each in exceptions}
    assert all(len(each.lost_deliveries) == 1 for each in faults)
