"""A tenant that has worked for a while, in a database that can be opened past every guard."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text
from tests.support.casework import Casework, new_casework, note, own, tell, to_status
from tests.support.concurrent_clients import random_seed
from tests.support.databases import as_role
from tests.support.threaded import Threaded, threaded_pair

from executor.domain import fold
from executor.domain.model import Event
from executor.store import events, exceptions
from sentinai.database.engine import Database

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

    @contextmanager
    def raw(self, *, disarmed: bool = True) -> Iterator[Connection]:
        """A bare connection of the tables' owner, in one transaction; past the triggers, if disarmed."""
        engine = create_engine(as_role(self.pair.settings.database_url, "sentinai_owner"))
        with engine.begin() as connection:
            on_postgresql = engine.dialect.name == "postgresql"
            if on_postgresql:
                connection.execute(text(f"SET LOCAL sentinai.tenant_id = '{self.work.tenant_id}'"))
            if disarmed:
                for statement in _DISARM[engine.dialect.name]:
                    connection.execute(text(statement))
            yield connection
        engine.dispose()

    def found(self) -> tuple[bool, int | None]:
        """What the API says of the exception."""
        path = f"/api/exceptions/{self.exception_id}/events/verify"
        proof = self.work.admin.ok("GET", path)
        return proof["valid"], proof["first_broken_seq"]


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
