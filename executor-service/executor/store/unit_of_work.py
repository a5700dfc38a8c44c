"""The service layer's store: transactions of one tenant on the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from executor.domain import approvals
from executor.domain.changeset import ChangeSet
from executor.domain.model import Event, ExceptionRecord, Packs, Playbook, Saved
from executor.domain.snapshot import Snapshot
from executor.store import events, exceptions, outbox, packs, tenants
from executor.store.catalogue_cache import CatalogueCache, CatalogueSnapshot
from sentinai.database.corruption import reading, require_valid
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession

T = TypeVar("T")


class SqlTransaction:
    """One transaction of one tenant; see ``executor.service_layer.ports.Transaction``."""

    def __init__(self, session: TenantSession, tenant_id: str, cache: CatalogueCache) -> None:
        self.session = session
        self.tenant_id = tenant_id
        self._cache = cache

    @cached_property
    def _catalogue(self) -> CatalogueSnapshot:
        return self._cache.at(self.session, self.tenant_id)

    def exception(self, exception_id: str, *, lock: bool = False) -> ExceptionRecord:
        """An exception. ``lock`` locks its row until the transaction ends."""
        return exceptions.get(self.session, exception_id, lock=lock)

    def playbook(self, playbook_id: int) -> Playbook:
        """A playbook version of the tenant."""
        return self._catalogue.playbook(self.session, playbook_id)

    def packs(self, domain: str) -> Packs:
        """The packs that apply to an exception of ``domain``."""
        return self._catalogue.packs(self.session, domain)

    def earlier_packs(self, record: ExceptionRecord) -> Sequence[tuple[Packs, datetime]]:
        """The packs that applied since an exception last changed, before the current ones: each until when."""
        current = self.packs(record.domain)
        if current.since is None or current.since <= record.updated_at:
            return ()
        return packs.replaced_since(self.session, record.domain, record.updated_at)

    def run_events(self, exception_id: str, run: int) -> Sequence[Event]:
        """The events that decide what can be done in a run."""
        return events.of_run(self.session, exception_id, run)

    def created_event(self, exception_id: str) -> Event | None:
        """The first event of an exception; None if there is no such exception."""
        with reading(f"The log of exception {exception_id!r}"):
            created = events.first(self.session, exception_id)
            if created:
                require_valid(f"events/{created.event_type}", created.payload)
        return created

    def severity_is_given(self, exception_id: str) -> bool:
        """Whether somebody, rather than triage, gave the exception's severity."""
        return events.severity_is_given(self.session, exception_id)

    def insert(self, changeset: ChangeSet) -> Saved:
        """Store a new exception with its first events."""
        tenants.ensure_tenant(self.session, self.tenant_id)
        exceptions.add(self.session, changeset.stored)
        return self._write(changeset)

    def save(self, changeset: ChangeSet) -> Saved:
        """Store the changes of a call: fields, events and outbox messages.

        Only a change of the fields makes another version of the exception, so that a comment or the same
        recommendation never makes the update of a colleague fail.
        """
        if changeset.is_empty:
            return Saved(changeset.record, ())
        if changeset.changes_fields:
            self._keep_approvals(changeset)
            version = changeset.stored.row_version + 1
            changeset.record = replace(changeset.record, row_version=version, updated_at=changeset.now)
        return self._write(changeset)

    def confirm(self, confirmations: Sequence[exceptions.Confirmation]) -> None:
        """Store that recommendations hold with another catalogue, where they have not changed meanwhile."""
        exceptions.confirm(self.session, confirmations)

    def _keep_approvals(self, changeset: ChangeSet) -> None:
        """Record the approval rules that the change lets lapse: nothing that changes an exception forgets it."""
        before = changeset.stored
        if before.current_playbook_id is None:
            return
        playbook, current = self.playbook(before.current_playbook_id), self.packs(before.domain)
        snapshot = Snapshot(before, playbook, current, (), self.earlier_packs(before))
        event = approvals.kept(snapshot, changeset.record, changeset.now)
        if event:
            changeset.add_event(event, approvals.AGENT)

    def _write(self, changeset: ChangeSet) -> Saved:
        added = events.append(self.session, changeset.stored, changeset.added_events, changeset.now)
        record = replace(
            changeset.record,
            event_seq=added[-1].seq if added else changeset.record.event_seq,
            event_hash=added[-1].hash if added else changeset.record.event_hash,
        )
        outbox.add(self.session, record, changeset.messages, added, changeset.now)
        exceptions.save(self.session, changeset.stored, record)
        return Saved(record, added)


class SqlStore:
    """Where exceptions live; see ``executor.service_layer.ports.Store``."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._cache = CatalogueCache()

    @contextmanager
    def read(self, tenant_id: str) -> Iterator[SqlTransaction]:
        """A read-only transaction."""
        with self.database.read(tenant_id) as session:
            yield SqlTransaction(session, tenant_id, self._cache)

    def write(self, tenant_id: str, work: Callable[[SqlTransaction], T]) -> T:
        """Run ``work`` in one transaction, committed entirely or not at all. ``work`` may run more than once."""
        return self.database.write(
            tenant_id, lambda session: work(SqlTransaction(session, tenant_id, self._cache))
        )
