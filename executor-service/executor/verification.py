"""The proof over a whole database: every chain is whole, and every exception is the fold of its events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from executor.domain import fold
from executor.store import exceptions, integrity
from executor.store.tenants import tenant_ids
from sentinai.clock import format_time
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession

_BATCH = 200
_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one exception: where its chain breaks, its fields as (stored, by the log), or its row."""

    tenant_id: str
    exception_id: str
    first_broken_seq: int | None = None
    differences: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    row: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The fault for programs."""
        return {
            "tenant_id": self.tenant_id,
            "exception_id": self.exception_id,
            "first_broken_seq": self.first_broken_seq,
            "differing_fields": {
                name: {"stored": _plain(stored), "by_log": _plain(by_log)}
                for name, (stored, by_log) in self.differences.items()
            },
            "row": self.row,
        }

    def in_words(self) -> str:
        """The fault for people, but for where it is."""
        if self.row:
            return f"its row {self.row}"
        if self.first_broken_seq is not None:
            return f"the chain breaks at seq {self.first_broken_seq}"
        return "; ".join(
            f"{name} is {_short(stored)}, by the log {_short(by_log)}"
            for name, (stored, by_log) in self.differences.items()
        )


def _plain(value: Any) -> Any:
    return format_time(value) if isinstance(value, datetime) else value


def _short(value: Any) -> str:
    text = json.dumps(_plain(value), ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


@dataclass(slots=True)
class Report:
    """What a verification found."""

    tenants: int = 0
    exceptions: int = 0
    events: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "valid": self.valid,
            "tenants": self.tenants,
            "exceptions": self.exceptions,
            "events": self.events,
            "faults": [fault.to_json() for fault in self.faults],
        }

    def print(self, console: Console) -> None:
        """The report for people."""
        each = ((self.tenants, "tenant"), (self.exceptions, "exception"), (self.events, "event"))
        counted = ", ".join(_counted(*one) for one in each)
        if self.valid:
            console.print(f"[green]✓ Verified[/green]: {counted}. Every chain is whole; fields match the log.")
            return
        faulty = _counted(len(self.faults), "exception")
        console.print(f"[red]✗ Not as the log was written: {faulty}[/red] (of {counted}).")
        table = Table("tenant", "exception", "what is wrong")
        for fault in self.faults:
            table.add_row(fault.tenant_id, fault.exception_id, escape(fault.in_words()))
        console.print(table)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def verify(database: Database, tenants: Sequence[str] | None, progress: Progress) -> Report:
    """Check every exception of the given tenants, or of all."""
    report = Report()
    for tenant_id in tenants if tenants is not None else tenant_ids(database):
        report.tenants += 1
        with database.read(tenant_id) as session:
            total = exceptions.count(session)
        task = progress.add_task(f"Verifying {tenant_id}", total=total)
        for batch in _batches(database, tenant_id):
            with database.read(tenant_id) as session:
                for exception_id in batch:
                    _check(session, tenant_id, exception_id, report)
            progress.advance(task, len(batch))
        with database.read(tenant_id) as session:
            report.faults += [Fault(tenant_id, each, row="is gone") for each in integrity.orphans(session)]
    return report


def _batches(database: Database, tenant_id: str) -> Iterator[list[str]]:
    last = ""
    while True:
        with database.read(tenant_id) as session:
            batch = exceptions.ids_after(session, last, _BATCH)
        if not batch:
            return
        yield batch
        last = batch[-1]


def _check(session: TenantSession, tenant_id: str, exception_id: str, report: Report) -> None:
    report.exceptions += 1
    try:
        record = exceptions.get(session, exception_id)
    except integrity.UNREADABLE:
        report.faults.append(Fault(tenant_id, exception_id, row="cannot be read"))
        return
    found, log = integrity.prove(session, record)
    differing = fold.difference(record, log) if found.valid else {}
    report.events += found.events
    if not found.valid or differing:
        report.faults.append(Fault(tenant_id, exception_id, found.first_broken_seq, differing))
