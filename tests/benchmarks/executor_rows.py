"""The executor's rows: completions against the same statements by hand, and what a long log costs."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy import event as sqlalchemy_event
from tests.benchmarks.harness import Compared, Row, compare, short, step
from tests.support.databases import as_role, new_database

from executor.agents import pipeline
from executor.authoring import packs, playbooks
from executor.execution import amend, steps, view
from executor.execution.model import Actor
from executor.execution.situation import look
from executor.store.store import SqlStore
from sentinai.clock import format_time, utc_now
from sentinai.database import Database
from sentinai.settings import Settings

_TENANT = "bench"
_ACTOR = Actor("human", "alex")
_STEPS = 20
_EXCEPTIONS = 1000


class _OnePlaybook:
    """A matcher that always chooses the one playbook there is: what is measured here comes after it."""

    def __init__(self, playbook_id: int) -> None:
        chosen = {"playbook_id": playbook_id, "name": "Long", "version": 1, "priority": 0}
        self._answer = {
            "ranked": [{**chosen, "rank": 1, "reasons": []}],
            "selected": chosen,
            "near_misses": [],
            "reasoning": "The only one.",
            "policy_tags": [],
            "catalogue_revision": 1,
            "valid_until": None,
        }

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
        packs.put_policy_pack(self.database, _TENANT, {"tags": []}, utc_now())
        document = {
            "name": "Long",
            "conditions": {"match": {}},
            "steps": [
                {"name": f"Note {number}", "action_type": "add_comment", "params": {"text": "Done."}}
                for number in range(_STEPS)
            ],
        }
        published = playbooks.publish(self.database, _TENANT, document, utc_now(), dry_run=False)
        assert published.playbook
        self._matcher = _OnePlaybook(published.playbook.playbook_id)
        self._numbers = itertools.count()

    def exception(self) -> str:
        """The id of a new exception, its playbook recommended."""
        exception_id = f"E{next(self._numbers)}"
        pipeline.take_in(
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
            amend.comment(self.store, _TENANT, exception_id, "A remark.", _ACTOR, utc_now())

    def complete(self, exception_id: str, number: int) -> None:
        """Complete a step through the service layer."""
        call = steps.StepCall(exception_id=exception_id, step_order=number, actor=_ACTOR)
        steps.finish(self.store, _TENANT, call, utc_now(), "log_only")

    def state(self, exception_id: str) -> None:
        """What GET …/playbook does."""
        with self.store.read(_TENANT) as tx:
            situation = look(tx, exception_id)
        view.playbook_state(situation, _ACTOR, utc_now(), "log_only")


class Completions:
    """Completions one after the other, on exception after exception."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._exceptions = [bench.exception() for _ in range(_EXCEPTIONS)]
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


def recorded(bench: Bench, work: Callable[[], None]) -> list[tuple[str, Any]]:
    """The statements that one call sends to the driver."""
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        sent.append((statement, list(parameters) if many else parameters))

    sqlalchemy_event.listen(bench.database.engine, "before_cursor_execute", note)
    work()
    sqlalchemy_event.remove(bench.database.engine, "before_cursor_execute", note)
    return sent


class ByHand:
    """The statements of a completion, sent through the bare driver with other ids each time."""

    def __init__(self, bench: Bench, sent: list[tuple[str, Any]]) -> None:
        self._connection = bench.database.engine.raw_connection()
        self._sqlite = bench.database.dialect == "sqlite"
        self._sent = sent
        self._numbers = itertools.count(1)
        _make_a_log_by_hand(bench)

    def __call__(self) -> None:
        """One transaction of the same statements."""
        cursor = self._connection.cursor()
        if self._sqlite:
            cursor.execute("BEGIN IMMEDIATE")
        for statement, parameters in self._sent:
            if "INSERT INTO exception_event" in statement:
                statement = statement.replace("INSERT INTO exception_event", "INSERT INTO by_hand")
            if isinstance(parameters, list):
                cursor.executemany(statement, parameters)
            else:
                cursor.execute(statement, parameters)
            if cursor.description:
                cursor.fetchall()
        self._connection.commit()


def _make_a_log_by_hand(bench: Bench) -> None:
    """A log without keys: the same rows must find room in it again and again."""
    engine = create_engine(as_role(bench.url, "sentinai_owner"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE by_hand AS SELECT * FROM exception_event WHERE 1 = 0"))
        if engine.dialect.name == "postgresql":
            connection.execute(text("GRANT INSERT ON by_hand TO sentinai_executor"))
    engine.dispose()


def completion_row(kind: str, target: float) -> Row:
    """Completions through the service layer against the same statements by hand."""
    with step(f"completions on {kind}"):
        bench = Bench(kind)
        complete = Completions(bench)
        # An exception of its own: by hand, the same row is written again and again.
        other = bench.exception()
        bench.complete(other, 1)
        by_hand = ByHand(bench, _statements(recorded(bench, lambda: bench.complete(other, 2))))
        found = compare(complete, by_hand, rounds=5, least=1.0)
    return _row(f"completions/s through the service layer, {kind}", "the same statements by hand", found, target)


def _statements(sent: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [each for each in sent if not each[0].startswith("BEGIN")]


def _row(what: str, against: str, found: Compared, target: float) -> Row:
    measured = f"{1 / found.first:,.0f}/s against {1 / found.second:,.0f}/s"
    return Row(what, against, found.ratio, found.low, found.high, target, "high", measured)


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
            "WHERE tenant_id = ? AND exception_id = ? AND event_type = 'CommentAdded'",
            _copy_parameters(columns, copy, source),
        )
    connection.commit()
    connection.close()


def _copy_parameters(columns: list[str], copy: int, source: str) -> tuple[str, ...]:
    marks = [f"{copy:012d}" for name in columns if name in ("exception_id", "event_id")]
    return (*marks, _TENANT, source)
