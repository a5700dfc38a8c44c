"""What execution needs of the world around it: a store with transactions, and a matcher.

The store and the matcher's client implement these; the tests of execution use the real ones.
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
        """The exception as it stands; locked until the transaction ends, if asked.

        Raises:
            NotFound: this tenant has no such exception.
        """

    def playbook(self, playbook_id: int) -> Playbook:
        """A playbook version of this tenant.

        Raises:
            NotFound: it has none of that id.
        """

    def packs(self, domain: str) -> Packs:
        """The newest Domain Pack of ``domain`` and the tenant's newest Policy Pack; empty where missing."""

    def run_events(self, exception_id: str, run: int) -> Sequence[Event]:
        """The events that say where a run stands: started, steps completed and skipped, completed."""

    def created_event(self, exception_id: str) -> Event | None:
        """The first event of an exception, if there is such an exception."""

    def insert(self, changeset: ChangeSet) -> Saved:
        """Store a new exception with its first events."""

    def save(self, changeset: ChangeSet) -> Saved:
        """Store what a call did to an exception: fields, events and outbox, together."""


class Store(Protocol):
    """Where exceptions live."""

    def read(self, tenant_id: str) -> AbstractContextManager[Transaction]:
        """A transaction that only reads."""

    def write(self, tenant_id: str, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in one transaction; all of it commits or nothing. It may run more than once."""


class Matcher(Protocol):
    """The other service."""

    def match(
        self, tenant_id: str, exception: Mapping[str, Any], as_of: datetime, ranked: int
    ) -> Mapping[str, Any]:
        """The matcher's answer, as in ``match-response``, with so many ranked playbooks at most.

        Raises:
            MatcherUnavailable: it did not answer, or answered rubbish.
        """
