"""Verifies a database: every hash chain is intact, and everything stored follows from the logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.progress import Progress

from executor.domain import fold
from executor.store import exceptions, integrity
from executor.store.tenants import tenant_ids
from executor.verification import catalogue
from executor.verification.report import Fault, Report
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession
from sentinai.problems import CorruptData

_BATCH = 200


def verify(database: Database, tenants: Sequence[str] | None, progress: Progress) -> Report:
    """Verify every exception and the catalogue of the given tenants, or of all tenants."""
    report = Report()
    logged: set[catalogue.Version] = set()
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
            found = catalogue.check(session)
        report.events += found.events
        report.faults += found.faults
        logged |= found.domain_packs
    if tenants is None:
        report.faults += catalogue.unrecorded_domain_packs(database, logged)
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
    lost = integrity.lost_deliveries(session, exception_id, log)
    if lost:
        report.faults.append(Fault(tenant_id, exception_id, lost_deliveries=lost))
