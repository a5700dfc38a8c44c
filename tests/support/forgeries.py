"""A database with a file of its heads, and what somebody who owns the database may do to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rich.progress import Progress
from sqlalchemy import Connection, select, text
from tests.conftest import database_of
from tests.support.casework import Casework, domain_pack, note, tell
from tests.support.databases import KINDS, hang_up
from tests.support.tampering import Scene, forge_log, staged
from tests.support.threaded import Threaded

from executor.domain import hash_chain
from executor.domain.model import Event
from executor.verification.heads import HeadsFile
from executor.verification.report import Report
from executor.verification.verify import verify
from sentinai.clock import format_time
from sentinai.database.engine import Database
from sentinai.database.tables import PolicyPackRow
from sentinai.settings import Settings

LONG_AGO = "2020-01-01 00:00:00.000000"


@dataclass(frozen=True, slots=True)
class Anchored:
    """A database, the file of heads that it had, and what was done since."""

    url: str
    settings: Settings
    file: Path
    tenant_id: str
    exception_id: str
    newer_id: str


def add_catalogue(work: Casework) -> None:
    """Besides the playbook of the scene, one in two versions, the first of them retired; each pack in two."""
    first = work.publish("Two", [note()], exception_type="Bill Mismatch")
    work.publish("Two", [note("Note it well")], exception_type="Bill Mismatch")
    work.policy(tags=["night"], human_approval_rules=[{"severity": "critical"}])
    work.admin.ok("PUT", f"/api/domain-packs/{work.domain}", {**domain_pack(work.domain), "severity_rules": []})
    work.admin.ok("POST", f"/api/playbooks/{first}/retire")


def comment(work: Casework, exception_id: str, words: str) -> None:
    """Comment on an exception."""
    work.admin.ok("POST", f"/api/exceptions/{exception_id}/comments", {"text": words})


def export(database: Database, file: Path, pair: Threaded) -> Report:
    """Verify a whole database, and write its heads."""
    with Progress(disable=True) as progress:
        return verify(database, None, progress, HeadsFile(file, None, pair.clock()))


def work_on(scene: Scene) -> str:
    """What people do after a file of heads was written; the id of a new exception."""
    scene.pair.clock.advance(hours=3)
    newer = scene.work.create_exception()
    comment(scene.work, newer, "Nobody answers.")
    comment(scene.work, scene.exception_id, "Still dark.")
    for step in (1, 2):
        scene.work.complete(newer, step)
    scene.work.publish("Three", [tell()], exception_type="Bill Mismatch")
    return newer


_KINDS = [pytest.param(kind, marks=[pytest.mark.postgres] * (kind == "postgres")) for kind in KINDS]


@pytest.fixture(scope="module", params=_KINDS)
def anchored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Anchored:
    folder: Path = tmp_path_factory.mktemp("anchored")
    file = folder / "heads.jsonl"
    with staged(database_of(request.param, folder), folder) as scene:
        work = scene.work
        add_catalogue(work)
        comment(work, scene.exception_id, "Rang twice.")
        assert export(scene.database, file, scene.pair).valid
        newer = work_on(scene)
        url, settings = scene.pair.settings.database_url, scene.pair.settings
        scene.database.engine.dispose()
        found = Anchored(url, settings, file, work.tenant_id, scene.exception_id, newer)
    hang_up(url)
    return found


@dataclass(frozen=True, slots=True)
class Forger:
    """Somebody who can write to the database as its owner, and knows how the hashes are made."""

    connection: Connection
    at: Anchored

    def run(self, *statements: str) -> None:
        """Run statements; each must change something."""
        for statement in statements:
            known = {"it": self.at.exception_id, "tenant": self.at.tenant_id, "new": self.at.newer_id}
            used = {name: value for name, value in known.items() if f":{name}" in statement}
            assert self.connection.execute(text(statement), used).rowcount, statement

    def log(self, change: Callable[[list[Event]], list[Event]], exception_id: str | None = None) -> None:
        """Change an exception's log, with honest hashes and the row refitted."""
        forge_log(self.connection, self.at.tenant_id, exception_id or self.at.exception_id, change)

    def catalogue(self, change: Callable[[list[Event]], list[Event]]) -> None:
        """Change the catalogue's log, in the same way."""
        forge_log(self.connection, self.at.tenant_id, None, change)


def by_another(event_type: str) -> Callable[[list[Event]], list[Event]]:
    """The same log, in which somebody else did this."""
    return lambda log: [
        replace(each, actor_id="somebody-else") if each.event_type == event_type else each for each in log
    ]


def other_words(log: list[Event]) -> list[Event]:
    """The same log with another comment."""
    return [
        replace(each, payload={**each.payload, "text": "All well."}) if each.event_type == "CommentAdded" else each
        for each in log
    ]


def backdated(log: list[Event]) -> list[Event]:
    """A log with a comment of long ago at its end."""
    said = next(each for each in log if each.event_type == "CommentAdded")
    return [*log, replace(said, event_id=str(uuid4()), created_at=said.created_at - timedelta(days=400))]


def without(*event_types: str) -> Callable[[list[Event]], list[Event]]:
    """A log from which some events were taken."""
    return lambda log: [each for each in log if each.event_type not in event_types]


EVENT = "WHERE exception_id = :it AND seq = 3"
ROW = "WHERE exception_id = :it"
TEXT = """'{"text": "Nothing happened."}'"""


def forget_exception(forger: Forger) -> None:
    """Delete an exception with all that belongs to it."""
    forger.run(*(f"DELETE FROM {table} {ROW}" for table in ("outbox", "exception_event", "exception")))


def invent_exception(forger: Forger) -> None:
    """Make a copy of an exception, with a log of its own of long ago, and nothing left to deliver."""
    for table, given in (("exception", {}), ("exception_event", {"event_id": "'f-' || seq"})):
        names = list(forger.connection.execute(text(f"SELECT * FROM {table}")).keys())
        values = [{"exception_id": "'M-forged'", **given}.get(name, name) for name in names]
        forger.run(f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table} {ROW}")

    def aged(log: list[Event]) -> list[Event]:
        kept = without("NotificationRequested")(log)
        return [replace(each, created_at=each.created_at - timedelta(days=9)) for each in kept]

    forger.log(aged, "M-forged")


def undo_retirement(forger: Forger) -> None:
    """Bring a retired version back, as if nobody had retired it."""
    forger.catalogue(without("PlaybookRetired"))
    forger.run("UPDATE playbook SET status = 'active' WHERE name = 'Two' AND version = 1")


def forget_catalogue_log(forger: Forger) -> None:
    """Empty the log of the catalogue, as if it had not been kept yet; then nothing can be compared with it."""
    forger.catalogue(lambda _: [])
    forger.run("UPDATE policy_pack SET pack = '{}' WHERE version = 2")


def edit_policy_with_its_digest(forger: Forger) -> None:
    """Empty the approval rules, and give the event the digest of what is stored then."""
    rows: Any = PolicyPackRow.__table__
    pack = {"approved_tools": ["reread_meter"], "tags": ["night"]}
    second = rows.c.version == 2
    forger.connection.execute(rows.update().where(second).values(pack=pack))
    stored_at = forger.connection.execute(select(rows.c.created_at).where(second)).scalar_one()
    digest = hash_chain.digest({"version": 2, "pack": pack, "created_at": format_time(stored_at)})

    def refitted(event: Event) -> Event:
        is_it = event.event_type == "PolicyPackChanged" and event.payload["version"] == 2
        return replace(event, payload={**event.payload, "sha256": digest}) if is_it else event

    forger.catalogue(lambda log: [refitted(each) for each in log])


def forget_tenant(forger: Forger) -> None:
    """Delete a tenant with all that it ever had."""
    tables = ("outbox", "exception_event", "exception", "playbook_step", "playbook", "policy_pack")
    forger.run(
        *(f"DELETE FROM {table} WHERE tenant_id = :tenant" for table in (*tables, "catalogue_event", "tenant"))
    )


Way = Callable[[Forger], None]


def sql(*statements: str) -> Way:
    """Statements, and nothing to make them fit."""
    return lambda forger: forger.run(*statements)


VERIFY, AGAINST, NEITHER = "`verify`", "`--against`", "neither"
WAYS: dict[str, tuple[Way, str]] = {
    "the payload of an event changed": (sql(f"UPDATE exception_event SET payload = {TEXT} {EVENT}"), VERIFY),
    "the actor of an event changed": (sql(f"UPDATE exception_event SET actor_id = 'nobody' {EVENT}"), VERIFY),
    "the time of an event changed": (sql(f"UPDATE exception_event SET created_at = '{LONG_AGO}' {EVENT}"), VERIFY),
    "an event deleted": (sql(f"DELETE FROM exception_event {EVENT}"), VERIFY),
    "the end of a log deleted": (sql(f"DELETE FROM exception_event {ROW} AND seq > 4"), VERIFY),
    "an event moved to another log": (
        sql(f"UPDATE exception_event SET exception_id = :new, seq = 99 {EVENT}"),
        VERIFY,
    ),
    "an event taken out of its run": (
        sql(f"UPDATE exception_event SET run = NULL {ROW} AND event_type = 'PlaybookStepCompleted'"),
        VERIFY,
    ),
    "the status of an exception changed": (sql(f"UPDATE exception SET status = 'resolved' {ROW}"), VERIFY),
    "the owner of an exception changed": (sql(f"UPDATE exception SET owner_id = 'nobody' {ROW}"), VERIFY),
    "the amount of an exception changed": (sql(f"UPDATE exception SET amount = '1.5' {ROW}"), VERIFY),
    "the outbox emptied": (sql("DELETE FROM outbox"), VERIFY),
    "the conditions of a playbook changed": (
        sql("""UPDATE playbook SET conditions = '{"match": {}}' WHERE name = 'Four'"""),
        VERIFY,
    ),
    "the parameters of a step changed": (
        sql("""UPDATE playbook_step SET params = '{"text": "x"}' WHERE name = 'Look'"""),
        VERIFY,
    ),
    "a step deleted": (sql("DELETE FROM playbook_step WHERE name = 'Move on'"), VERIFY),
    "a playbook retired": (sql("UPDATE playbook SET status = 'retired' WHERE name = 'Four'"), VERIFY),
    "a retired playbook in use again": (
        sql("UPDATE playbook SET status = 'active' WHERE status = 'retired'"),
        VERIFY,
    ),
    "approval rules emptied": (sql("UPDATE policy_pack SET pack = '{}' WHERE version = 2"), VERIFY),
    "a Policy Pack deleted": (sql("DELETE FROM policy_pack WHERE version = 2"), VERIFY),
    "a Policy Pack added": (
        sql(
            "INSERT INTO policy_pack (tenant_id, version, pack, created_at) "
            "SELECT tenant_id, 3, pack, created_at FROM policy_pack WHERE version = 1"
        ),
        VERIFY,
    ),
    "a Domain Pack changed": (sql("UPDATE domain_pack SET pack = '{}' WHERE version = 2"), VERIFY),
    "who published a playbook changed": (
        sql("UPDATE catalogue_event SET actor_id = 'nobody' WHERE seq = 3"),
        VERIFY,
    ),
    "the end of the catalogue's log deleted": (sql("DELETE FROM catalogue_event WHERE seq > 5"), VERIFY),
    "an exception deleted with its log": (forget_exception, AGAINST),
    "the end of a log deleted, and the row refitted": (
        lambda forger: forger.log(lambda log: log[: index_of_comment(log)]),
        AGAINST,
    ),
    "an event changed, and all hashes": (lambda forger: forger.log(other_words), AGAINST),
    "who finished a step changed, and all hashes": (
        lambda forger: forger.log(by_another("PlaybookStepCompleted")),
        AGAINST,
    ),
    "an event of long ago added, and the row refitted": (lambda forger: forger.log(backdated), AGAINST),
    "an exception of long ago made up": (invent_exception, AGAINST),
    "a retirement undone, with its event": (undo_retirement, AGAINST),
    "who published a playbook changed, and all hashes": (
        lambda forger: forger.catalogue(by_another("PlaybookPublished")),
        AGAINST,
    ),
    "approval rules emptied, and the event and all hashes": (edit_policy_with_its_digest, AGAINST),
    "the log of the catalogue emptied": (forget_catalogue_log, AGAINST),
    "a tenant deleted with everything": (forget_tenant, AGAINST),
    "an event since the file changed, and all hashes": (
        lambda forger: forger.log(other_words, forger.at.newer_id),
        NEITHER,
    ),
    "an exception since the file deleted with its log": (
        lambda forger: forget_exception(replace(forger, at=replace(forger.at, exception_id=forger.at.newer_id))),
        NEITHER,
    ),
    "the text of a message that waits": (sql(f"UPDATE outbox SET payload = {TEXT} {ROW}"), NEITHER),
    "the stored recommendation": (sql(f"UPDATE exception SET recommendation = '{{}}' {ROW}"), NEITHER),
    "when a recommendation expires": (sql(f"UPDATE exception SET valid_until = '{LONG_AGO}' {ROW}"), NEITHER),
    "the revision of the catalogue": (sql("UPDATE tenant SET catalogue_revision = 0"), NEITHER),
}


def index_of_comment(log: list[Event]) -> int:
    """Where the last comment is that the file of heads still has."""
    return next(at for at, each in enumerate(log) if each.payload.get("text") == "Rang twice.")
