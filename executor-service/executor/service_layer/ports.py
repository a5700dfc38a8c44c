"""What the service layer needs from outside: a store with transactions, and a matcher.

``executor.store.unit_of_work`` and ``executor.matcher_client`` implement them; the tests use these, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from executor.domain.changeset import ChangeSet
from executor.domain.model import Event, ExceptionRecord, Packs, Playbook, Saved

T = TypeVar("T")


class Transaction(Protocol):
    """One transaction of one tenant."""

    tenant_id: str

    def exception(self, exception_id: str, *, lock: bool = False) -> ExceptionRecord:
        """The exception; locked until the end of the transaction if ``lock`` is set.

        Raises:
            NotFound: this tenant has no such exception.
        """

    def playbook(self, playbook_id: int) -> Playbook:
        """A playbook version of this tenant.

        Raises:
            NotFound: it has none of that id.
        """

    def packs(self, domain: str) -> Packs:
        """The newest Domain Pack of ``domain`` and the tenant's newest Policy Pack; empty if there is none."""

    def earlier_packs(self, record: ExceptionRecord) -> Sequence[tuple[Packs, datetime]]:
        """The packs that applied since an exception last changed, before the current ones: each until when."""

    def run_events(self, exception_id: str, run: int) -> Sequence[Event]:
        """The events of a run that decide what can be done: how far it is, and which approval rules were kept."""

    def created_event(self, exception_id: str) -> Event | None:
        """The first event of an exception; None if there is no such exception."""

    def severity_is_given(self, exception_id: str) -> bool:
        """Whether somebody, rather than triage, gave the exception's severity."""

    def insert(self, changeset: ChangeSet) -> Saved:
        """Store a new exception with its first events."""

    def save(self, changeset: ChangeSet) -> Saved:
        """Store the changes of a call: fields, events and outbox messages, together."""

    def confirm(self, confirmations: Sequence[tuple[ExceptionRecord, int, datetime | None]]) -> None:
        """Store that recommendations hold with another catalogue, where they have not changed meanwhile.

        Each is an exception as it was read, the catalogue's revision, and until when the recommendation is valid.
        """


class Store(Protocol):
    """Where exceptions live."""

    def read(self, tenant_id: str) -> AbstractContextManager[Transaction]:
        """A read-only transaction."""

    def write(self, tenant_id: str, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in one transaction; either all of it commits or nothing. It may run more than once."""


class Matcher(Protocol):
    """The matcher service."""

    def match(
        self, tenant_id: str, exception: Mapping[str, Any], as_of: datetime, ranked: int
    ) -> Mapping[str, Any]:
        """The matcher's answer, a ``match-response`` with at most ``ranked`` playbooks.

        Raises:
            MatcherUnavailable: it did not answer, or its answer is not valid.
        """


class BatchMatcher(Protocol):
    """The matcher service, asked about many exceptions of one tenant at once."""

    def choices(
        self, tenant_id: str, exceptions: Sequence[Mapping[str, Any]], as_of: datetime
    ) -> Sequence[Mapping[str, Any] | None]:
        """For each exception a ``match-choice``; None for one that it refuses. Raises as ``match`` does."""

    def matches(
        self, tenant_id: str, exceptions: Sequence[Mapping[str, Any]], as_of: datetime, ranked: int
    ) -> Sequence[Mapping[str, Any] | None]:
        """For each exception a ``match-response``; None for one that it refuses. Raises as ``match`` does."""
