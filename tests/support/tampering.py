"""A tenant that has worked for a while, in a database that can be opened past every guard."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, create_engine, insert, select, text
from tests.support.casework import Casework, new_casework, note, own, tell, to_status
from tests.support.concurrent_clients import random_seed
from tests.support.databases import as_role
from tests.support.threaded import Threaded, threaded_pair

from executor.domain import fold, hash_chain
from executor.domain.model import FINISHING_EVENTS, Event
from executor.store import events, exceptions
from executor.store.tables import CatalogueEventRow, ExceptionEventRow, ExceptionRow
from sentinai.database.engine import Database
from sentinai.database.tables import TenantRow

STEPS = [note("Look", "Naïve — ☃ 𝄞"), tell(), own(queue="crew"), to_status("analyzing")]

_LOGS = ("exception_event", "catalogue_event")
_DISARM = {
    "sqlite": [f"DROP TRIGGER {log}_refuse_{change}" for log in _LOGS for change in ("update", "delete")],
    "postgresql": [f"ALTER TABLE {log} DISABLE TRIGGER USER" for log in _LOGS],
}


@dataclass(frozen=True, slots=True)
class Scene:
    """An exception that was worked through, and one beside it; ``raw`` opens the database past every guard."""

    pair: Threaded
    work: Casework
    exception_id: str
    chance: random.Random

    @property
    def database(self) -> Database:
        """The one the services use."""
        return self.pair.services.database

    def log(self) -> list[Event]:
        """The events as they lie there."""
        with self.database.read(self.work.tenant_id) as session:
            return events.after(session, self.exception_id, 0)

    def fields(self) -> dict[str, Any]:
        """The exception's fields as they lie there."""
        with self.database.read(self.work.tenant_id) as session:
            return fold.fields_of(exceptions.get(session, self.exception_id))

    def raw(self, *, disarmed: bool = True) -> AbstractContextManager[Connection]:
        """A bare connection of the tables' owner, in one transaction; past the triggers, if disarmed."""
        return raw(self.pair.settings.database_url, self.work.tenant_id, disarmed=disarmed)

    def found(self) -> tuple[bool, int | None]:
        """What the API says of the exception."""
        path = f"/api/exceptions/{self.exception_id}/events/verify"
        proof = self.work.admin.ok("GET", path)
        return proof["valid"], proof["first_broken_seq"]


@contextmanager
def raw(database_url: str, tenant_id: str, *, disarmed: bool = True) -> Iterator[Connection]:
    """A bare connection of the tables' owner, in one transaction; past the triggers, if disarmed."""
    engine = create_engine(as_role(database_url, "sentinai_owner"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL sentinai.tenant_id = '{tenant_id}'"))
        if disarmed:
            for statement in _DISARM[engine.dialect.name]:
                connection.execute(text(statement))
        yield connection
    engine.dispose()


def forge_log(
    connection: Connection, tenant_id: str, exception_id: str | None, change: Callable[[list[Event]], list[Event]]
) -> None:
    """Change the log of an exception, or of the catalogue, with honest hashes, and refit the row with its end."""
    rows: Any = (CatalogueEventRow if exception_id is None else ExceptionEventRow).__table__
    ends: Any = (TenantRow if exception_id is None else ExceptionRow).__table__
    place = {"tenant_id": tenant_id} | ({} if exception_id is None else {"exception_id": exception_id})

    def here(table: Any) -> Any:
        return and_(*(table.c[name] == value for name, value in place.items()))

    columns = (rows.c[field.name] for field in fields(Event))
    log = [Event(*row) for row in connection.execute(select(*columns).where(here(rows)).order_by(rows.c.seq))]
    connection.execute(rows.delete().where(here(rows)))
    last = hash_chain.GENESIS
    changed = change(log)
    for seq, event in enumerate(changed, 1):
        unsealed = replace(event, seq=seq, prev_hash=last)
        sealed = hash_chain.seal(unsealed, tenant_id, exception_id)
        filed = {} if exception_id is None else indexed(sealed)
        connection.execute(insert(rows), {**place, **filed, **asdict(sealed)})
        last = sealed.hash
    connection.execute(ends.update().where(here(ends)).values(event_seq=len(changed), event_hash=last))


def indexed(event: Event) -> dict[str, Any]:
    """The columns of an exception's event that exist for queries."""
    step_order = event.payload["step_order"] if event.event_type in FINISHING_EVENTS else None
    return {"run": event.payload.get("run"), "step_order": step_order}


@contextmanager
def staged(database_url: str, folder: Path) -> Iterator[Scene]:
    """Play the scene on a database."""
    with threaded_pair(database_url, folder) as pair:
        work = new_casework(pair, pair.clock())
        work.publish("Four", STEPS)
        first, second = work.create_exception(amount=2**60, entity="Æther\u0301 ☂"), work.create_exception()
        for exception_id in (first, second):
            for step in range(1, len(STEPS) + 1):
                work.complete(exception_id, step)
        assert pair.verify().valid
        yield Scene(pair, work, first, random.Random(random_seed()))
