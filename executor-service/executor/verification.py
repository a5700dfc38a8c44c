"""Verifies a database: every hash chain is intact, and the fields of every exception follow from its events."""

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
from sentinai.problems import CorruptData

_BATCH = 200
_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one exception: where its chain breaks, fields as (stored, from log), or its row."""

    tenant_id: str
    exception_id: str
    first_broken_seq: int | None = None
    differences: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    row: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The fault for ``--json``."""
        return {
            "tenant_id": self.tenant_id,
            "exception_id": self.exception_id,
            "first_broken_seq": self.first_broken_seq,
            "differing_fields": {
                name: {"stored": _json_value(stored), "by_log": _json_value(from_log)}
                for name, (stored, from_log) in self.differences.items()
            },
            "row": self.row,
        }

    def describe(self) -> str:
        """The fault as a phrase, without the tenant and the exception."""
        if self.row:
            return f"row {self.row}"
        if self.first_broken_seq is not None:
            return f"hash chain breaks at seq {self.first_broken_seq}"
        return "; ".join(
            f"{name} is {_shortened(stored)} in the row, {_shortened(from_log)} by the log"
            for name, (stored, from_log) in self.differences.items()
        )


def _json_value(value: Any) -> Any:
    return format_time(value) if isinstance(value, datetime) else value


def _shortened(value: Any) -> str:
    text = json.dumps(_json_value(value), ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


@dataclass(slots=True)
class Report:
    """The result of a verification."""

    tenants: int = 0
    exceptions: int = 0
    events: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether there are no faults."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """The report for ``--json``."""
        return {
            "valid": self.valid,
            "tenants": self.tenants,
            "exceptions": self.exceptions,
            "events": self.events,
            "faults": [fault.to_json() for fault in self.faults],
        }

    def print(self, console: Console) -> None:
        """Print the report."""
        counts = ((self.tenants, "tenant"), (self.exceptions, "exception"), (self.events, "event"))
        checked = ", ".join(_counted(*each) for each in counts)
        if self.valid:
            console.print(
                f"[green]✓ Verified[/green]: {checked}. All hash chains are intact; fields match the log."
            )
            return
        faulty = _counted(len(self.faults), "exception")
        console.print(f"[red]✗ Verification failed for {faulty}[/red] ({checked} checked).")
        table = Table("tenant", "exception", "fault")
        for fault in self.faults:
            table.add_row(fault.tenant_id, fault.exception_id, escape(fault.describe()))
        console.print(table)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def verify(database: Database, tenants: Sequence[str] | None, progress: Progress) -> Report:
    """Verify every exception of the given tenants, or of all tenants."""
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
            report.faults += [
                Fault(tenant_id, each, row="is missing") for each in integrity.ids_without_row(session)
            ]
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
    except CorruptData:
        report.faults.append(Fault(tenant_id, exception_id, row="cannot be read"))
        return
    found, log = integrity.verify_log(session, record)
    differing = fold.difference(record, log) if found.valid else {}
    report.events += found.events
    if not found.valid or differing:
        report.faults.append(Fault(tenant_id, exception_id, found.first_broken_seq, differing))
