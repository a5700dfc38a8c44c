"""The executor's rows: completions against the same statements by hand, and what a long log costs."""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import psycopg
from sqlalchemy import Dialect, event
from tests.benchmarks.harness import Row, compare, short, step
from tests.support.databases import AUTHOR, new_database

from executor.domain.model import Actor
from executor.publishing import packs, playbooks
from executor.service_layer import create, steps, update, views
from executor.service_layer.snapshots import load_snapshot
from executor.store.unit_of_work import SqlStore
from sentinai.clock import format_time, utc_now
from sentinai.database.engine import Database
from sentinai.documents.schemas import require
from sentinai.settings import Settings

_TENANT = "bench"
_ACTOR = Actor("human", "alex")
_STEPS = 20
_ROUNDS, _AT_ONCE = 9, 200
_ONCE = 0.001
"""Seconds that one call fills for sure: a round is as many completions on either side, not as long."""


class OnePlaybook:
    """A matcher that always chooses the one playbook there is: what is measured here comes after it."""

    def __init__(self, name: str, playbook_id: int) -> None:
        chosen = {"playbook_id": playbook_id, "name": name, "version": 1, "priority": 0}
        self._answer = {
            "tenant_id": _TENANT,
            "exception_id": "any",
            "ranked": [{**chosen, "rank": 1, "reasons": [], "policy": {"verdict": "aligned", "reasons": []}}],
            "selected": chosen,
            "tie": None,
            "passed_over": [],
            "near_misses": [],
            "reasoning": "The only one.",
            "policy_tags": [],
            "catalogue_revision": 1,
            "valid_until": None,
            "candidates": 1,
            "matched": 1,
            "errors": [],
        }
        require("match-response", self.match(_TENANT, {}, utc_now(), 1))

    def match(
        self, tenant_id: str, exception: Mapping[str, Any], as_of: datetime, ranked: int
    ) -> Mapping[str, Any]:
        """The same answer always."""
        return {**self._answer, "as_of": format_time(as_of)}


class Bench:
    """A database with one long playbook of comments, and exceptions to work on."""

    def __init__(self, kind: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sentinai-bench-"))
        self.url = new_database(kind, self.folder)
        self.database = Database(Settings(database_url=self.url))
        self.store = SqlStore(self.database)
        packs.put_policy_pack(self.database, _TENANT, {"tags": []}, AUTHOR, utc_now())
        document = {
            "name": "Long",
            "conditions": {"match": {}},
            "steps": [
                {"name": f"Note {number}", "action_type": "add_comment", "params": {"text": "Done."}}
                for number in range(_STEPS)
            ],
        }
        published = playbooks.publish(self.database, _TENANT, document, AUTHOR, utc_now(), dry_run=False)
        assert published.playbook
        self._matcher = OnePlaybook("Long", published.playbook.playbook_id)
        self._numbers = itertools.count()

    def exception(self) -> str:
        """The id of a new exception, its playbook recommended."""
        exception_id = f"E{next(self._numbers)}"
        create.create_exception(
            self.store,
            self._matcher,
            {"domain": "D", "exception_type": "T"},
            tenant_id=_TENANT,
            exception_id=exception_id,
            actor=_ACTOR,
            now=utc_now(),
        )
        return exception_id

    def comment(self, exception_id: str, times: int) -> None:
        """Lengthen an exception's log."""
        for _ in range(times):
            update.comment(self.store, _TENANT, exception_id, "A remark.", _ACTOR, utc_now())

    def complete(self, exception_id: str, number: int) -> None:
        """Complete a step through the service layer."""
        call = steps.StepCall(exception_id=exception_id, step_order=number, actor=_ACTOR)
        steps.finish(self.store, _TENANT, call, utc_now(), "log_only")

    def state(self, exception_id: str) -> None:
        """What GET …/playbook does."""
        with self.store.read(_TENANT) as tx:
            snapshot = load_snapshot(tx, exception_id)
        views.playbook_state(snapshot, _ACTOR, utc_now(), "log_only")


class Completions:
    """Completions one after the other, on exception after exception."""

    def __init__(self, bench: Bench, exceptions: int = 1000) -> None:
        self._bench = bench
        self._exceptions = [bench.exception() for _ in range(exceptions)]
        for exception_id in self._exceptions:
            bench.complete(exception_id, 1)
        self._places = self._all_places()

    def _all_places(self) -> Iterator[tuple[str, int]]:
        # The first step starts the playbook, too, and the last completes it: neither is like the others.
        for exception_id in self._exceptions:
            for number in range(2, _STEPS):
                yield exception_id, number

    def __call__(self) -> None:
        """One completion."""
        self._bench.complete(*next(self._places))


class Sent(NamedTuple):
    """A statement as the driver is given it; ``many`` times, with so many parameters, if so."""

    statement: str
    parameters: Any
    many: bool


class _Noting:
    """A cursor of the driver that notes what it is given."""

    sent: ClassVar[list[Sent]] = []

    def execute(self, statement: str, parameters: Any = (), **options: Any) -> Any:
        self.sent.append(Sent(statement, parameters, many=False))
        return super().execute(statement, parameters, **options)  # type: ignore[misc]

    def executemany(self, statement: str, parameters: Any, **options: Any) -> Any:
        self.sent.append(Sent(statement, parameters, many=True))
        return super().executemany(statement, parameters, **options)  # type: ignore[misc]


class _NotingSqlite(_Noting, sqlite3.Cursor):
    pass


class _NotingConnection(sqlite3.Connection):
    def cursor(self, factory: Any = _NotingSqlite) -> Any:
        return super().cursor(factory)


class _NotingPostgres(_Noting, psycopg.Cursor[Any]):  # type: ignore[misc]
    pass


def _note(bench: Bench) -> None:
    """Give the connections of a database cursors that note."""
    if bench.database.dialect == "sqlite":

        def note(_dialect: Dialect, _record: Any, _args: Any, options: dict[str, Any]) -> None:
            options["factory"] = _NotingConnection

        event.listen(bench.database.engine, "do_connect", note)
    else:

        def set_factory(connection: Any, _record: Any) -> None:
            connection.cursor_factory = _NotingPostgres

        event.listen(bench.database.engine, "connect", set_factory)


def recorded(bench: Bench, work: Callable[[], None], times: int) -> Iterator[list[Sent]]:
    """What so many calls send to the driver, each, but for where its transaction begins and ends."""
    bench.database.engine.dispose()
    _note(bench)
    assert bench.database.check() == "ok"
    for _ in range(times):
        _Noting.sent.clear()
        work()
        assert _Noting.sent
        yield [each for each in _Noting.sent if not each.statement.startswith("BEGIN")]


class ByHand:
    """The statements of completions, all their values too, through the bare driver to a database like theirs.

    They were recorded on one database and go to another, whose exceptions stand where those stood: the same
    rows are read, locked and changed, and the same are added to the same log with the same keys.
    """

    def __init__(self, bench: Bench, transactions: Iterable[Sequence[Sent]]) -> None:
        self._connection = bench.database.engine.raw_connection()
        self._begin = "BEGIN IMMEDIATE" if bench.database.dialect == "sqlite" else None
        self._transactions = iter(transactions)

    def __call__(self) -> None:
        """One transaction."""
        cursor = self._connection.cursor()
        if self._begin:
            cursor.execute(self._begin)
        for statement, parameters, many in next(self._transactions):
            if many:
                cursor.executemany(statement, parameters)
            else:
                cursor.execute(statement, parameters)
            if cursor.description:
                cursor.fetchall()
        self._connection.commit()


def completion_row(kind: str, target: float) -> Row:
    """Completions through the service layer against the same statements by hand."""
    calls = 2 * _ROUNDS * _AT_ONCE
    with step(f"completions on {kind}"):
        served, noted, twin = (Bench(kind) for _ in range(3))
        complete, note, _ = (Completions(bench, calls // (_STEPS - 2)) for bench in (served, noted, twin))
        by_hand = ByHand(twin, list(recorded(noted, note, calls)))
        found = compare(_many(complete), _many(by_hand), rounds=_ROUNDS, least=_ONCE)
    measured = f"{_AT_ONCE / found.first:,.0f}/s against {_AT_ONCE / found.second:,.0f}/s"
    return Row(
        f"completions/s through the service layer, {kind}",
        "the same statements by hand",
        found.ratio,
        found.low,
        found.high,
        target,
        "high",
        measured,
    )


def _many(work: Callable[[], None]) -> Callable[[], None]:
    """The same work some hundred times: both sides do as much of it, so both logs are as long."""

    def many() -> None:
        for _ in range(_AT_ONCE):
            work()

    return many


def rows(quick: bool) -> Iterator[Row]:
    """Every row of the executor."""
    yield completion_row("sqlite", 0.5)
    yield completion_row("postgres", 0.6)
    bench = Bench("sqlite")
    with step("GET …/playbook with 1,000 events against 10"):
        brief, long = bench.exception(), bench.exception()
        bench.complete(brief, 1)
        bench.complete(long, 1)
        bench.comment(long, 1000)
        found = compare(lambda: bench.state(brief), lambda: bench.state(long), rounds=5)
    yield Row(
        "GET …/playbook with 1,000 events on the exception",
        "10 events",
        found.ratio,
        found.low,
        found.high,
        2,
        "low",
        f"{short(found.second)} against {short(found.first)}",
    )
    yield _long_log_row(100_000 if quick else 1_000_000)


def _long_log_row(events: int) -> Row:
    with step(f"completions with {events:,} events in the log against 1,000"):
        small, large = Bench("sqlite"), Bench("sqlite")
        small.comment(small.exception(), 1000)
        _fill(large, events)
        found = compare(Completions(small), Completions(large), rounds=5, least=1.0)
    measured = f"{short(found.second)} against {short(found.first)}"
    return Row(
        f"completion latency with {events:,} events in the log",
        "1,000 events",
        found.ratio,
        found.low,
        found.high,
        1.3,
        "low",
        measured,
    )


def _fill(bench: Bench, events: int) -> None:
    """A long log, written by copying one exception's comments many times over."""
    source = bench.exception()
    bench.comment(source, 1000)
    connection = bench.database.engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    cursor.execute("SELECT name FROM pragma_table_info('exception_event')")
    columns = [name for (name,) in cursor.fetchall()]
    other = {"exception_id": "exception_id || '-' || ?", "event_id": "substr(event_id, 1, 24) || ?"}
    chosen = ", ".join(other.get(name, name) for name in columns)
    cursor.execute("BEGIN IMMEDIATE")
    for copy in range(events // 1000):
        cursor.execute(
            f"INSERT INTO exception_event ({', '.join(columns)}) SELECT {chosen} FROM exception_event "
            # The sign keeps SQLite from going through all comments there are, rather than this exception's.
            "WHERE tenant_id = ? AND exception_id = ? AND +event_type = 'CommentAdded'",
            _copy_parameters(columns, copy, source),
        )
    connection.commit()
    connection.close()


def _copy_parameters(columns: list[str], copy: int, source: str) -> tuple[str, ...]:
    marks = [f"{copy:012d}" for name in columns if name in ("exception_id", "event_id")]
    return (*marks, _TENANT, source)
