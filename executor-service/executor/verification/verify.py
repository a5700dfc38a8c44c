"""Verifies a database: every hash chain is intact, and everything stored follows from the logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rich.progress import Progress, TaskID

from executor.domain import fold
from executor.store import exceptions, integrity, packs
from executor.store.packs import DomainPackVersion
from executor.store.tenants import tenant_ids
from executor.verification import catalogue
from executor.verification.against import compare
from executor.verification.faults import Fault, RecordFault
from executor.verification.heads import Heads, HeadsFile
from executor.verification.report import Report
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession
from sentinai.problems import CorruptData

_BATCH = 200


def verify(
    database: Database,
    tenants: Sequence[str] | None,
    progress: Progress,
    written: HeadsFile | None = None,
    earlier: Heads | None = None,
) -> Report:
    """Verify every exception and the catalogue of the given tenants, or of all; and that ``earlier`` holds.

    What is verified is added to ``written``; one that was interrupted goes on where it was. As soon as anything is
    wrong, it is discarded.

    Raises:
        InvalidHeads: the earlier heads were changed while they were read.
        OSError: one of the files cannot be read or written.
    """
    return _Verification(database, progress, written, earlier).run(tenants)


@dataclass(slots=True)
class _Verification:
    database: Database
    progress: Progress
    heads: HeadsFile | None
    earlier: Heads | None
    report: Report = field(default_factory=Report)
    logged: dict[DomainPackVersion, tuple[str, str]] = field(default_factory=dict)

    def run(self, tenants: Sequence[str] | None) -> Report:
        domain_packs = packs.domain_pack_digests(self.database)
        if self.heads and not self.heads.resumed:
            self.heads.write_domain_packs(domain_packs)
        for tenant_id in tenants if tenants is not None else sorted(tenant_ids(self.database)):
            self.report.tenants += 1
            total = self._catalogue(tenant_id)
            after = self.heads.resumes_after(tenant_id) if self.heads else ""
            if after is not None:
                self._exceptions(tenant_id, after, self.progress.add_task(f"Verifying {tenant_id}", total=total))
        self._add(
            catalogue.domain_pack_faults(self.database, domain_packs, self.logged, all_tenants=tenants is None)
        )
        if self.earlier:
            self._add(compare(self.database, self.earlier, tenants))
            self.report.against = self.earlier
        if self.heads:
            self.report.heads = (self.heads.path, self.heads.finish())
        return self.report

    def _catalogue(self, tenant_id: str) -> int:
        """Verify a tenant's catalogue; how many exceptions it has."""
        with self.database.read(tenant_id) as session:
            stored, total = catalogue.read(session), exceptions.count(session)
            missing = integrity.ids_without_row(session)
        self.report.events += stored.chain.events
        self.logged |= {version: (tenant_id, sha256) for version, sha256 in stored.logged_domain_packs().items()}
        self._add(catalogue.faults(stored))
        self._add(Fault(tenant_id, each, row="is missing") for each in missing)
        if self.heads and self.heads.resumes_after(tenant_id) == "":
            self.heads.write_catalogue(stored)
        return total

    def _exceptions(self, tenant_id: str, after: str, task: TaskID) -> None:
        for batch in _batches(self.database, tenant_id, after):
            with self.database.read(tenant_id) as session:
                for exception_id in batch:
                    self._exception(session, exception_id)
            self.progress.advance(task, len(batch))

    def _exception(self, session: TenantSession, exception_id: str) -> None:
        self.report.exceptions += 1
        tenant_id = session.tenant_id
        try:
            record = exceptions.get(session, exception_id)
        except CorruptData:
            self._add([Fault(tenant_id, exception_id, row="cannot be read")])
            return
        found, log = integrity.verify_log(session, record)
        differing = fold.difference(record, log) if found.valid else {}
        self.report.events += found.events
        if not found.valid or differing:
            self._add([Fault(tenant_id, exception_id, found.first_broken_seq, differing)])
        lost = integrity.lost_deliveries(session, exception_id, log)
        if lost:
            self._add([Fault(tenant_id, exception_id, lost_deliveries=lost)])
        if self.heads:
            self.heads.write_exception(record)

    def _add(self, faults: Iterable[Fault | RecordFault]) -> None:
        """Report faults. A database in which anything is wrong has no heads that are worth keeping."""
        self.report.faults += faults
        if self.report.faults and self.heads:
            self.heads.discard()
            self.heads = None


def _batches(database: Database, tenant_id: str, after: str) -> Iterator[list[str]]:
    while True:
        with database.read(tenant_id) as session:
            batch = exceptions.ids_after(session, after, _BATCH)
        if not batch:
            return
        yield batch
        after = batch[-1]
