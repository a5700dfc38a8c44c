"""The executor's client, for UI backends, sources of exceptions, agents and auditors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypedDict, Unpack

from uuid6 import uuid7

from sentinai.client.service import ServiceClient, all_items, fill_path, without_none
from sentinai.client.types import (
    ActorType,
    ChainCheck,
    Delivery,
    DeliveryPage,
    DummyToolAnswer,
    Event,
    EventPage,
    ExceptionDocument,
    ExceptionPage,
    Playbook,
    PlaybookAnalytics,
    PlaybookPage,
    PlaybookState,
    PublishCheck,
    Recalculation,
    Redelivery,
    StoredDomainPack,
    StoredPolicyPack,
)
from sentinai.clock import format_time

Document = Mapping[str, Any]
_EXCEPTION = "/api/exceptions/{exception_id}"
_PLAYBOOK = _EXCEPTION + "/playbook"
_STEP = _PLAYBOOK + "/steps/{step_order}"
_MAX_PAGE_SIZE = 200
_BUSY_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the token's own ``actor_type`` and subject, or an actor that the token may act for."""

    actor_type: ActorType
    actor_id: str


class ExceptionFilters(TypedDict, total=False):
    """Filters and order of a list of exceptions. ``sla`` finds unresolved ones, overdue or due within the hour."""

    status: Sequence[str]
    severity: Sequence[str]
    domain: str
    exception_type: str
    owner: str
    playbook_id: int
    sla: Literal["breached", "at_risk"]
    sort: Literal["created_at", "sla"]


class PlaybookFilters(TypedDict, total=False):
    """Filters of a list of playbook versions."""

    status: Literal["active", "retired"]
    name: str


class DeliveryFilters(TypedDict, total=False):
    """Filters of a list of deliveries."""

    kind: Literal["notify", "call_tool"]
    status: Literal["pending", "delivered", "failed"]
    exception_id: str
    webhook_id: str


class ExecutorClient(ServiceClient):
    """Works on exceptions, the catalogue and the log.

    Calls are retried while the service is unavailable or busy, because the executor's operations are idempotent,
    except for two that are sent once: a comment would be added twice, and a change of attributes might undo a
    later one. Whatever changes something takes the ``actor`` to record; without one, that is the token's own.
    Every method raises ApiProblem or one of its subclasses in :mod:`sentinai.client.problems`.
    """

    def create_exception(self, exception: Document, *, actor: Actor | None = None) -> ExceptionDocument:
        """Create an exception. One without an ``exception_id`` gets one here, so that retries are safe."""
        body = {"exception_id": f"EX-{uuid7()}", **exception}
        return self._call(ExceptionDocument, "POST", "/api/exceptions", body=body, headers=_naming(actor))

    def list_exceptions(
        self, *, limit: int = 50, cursor: str | None = None, **filters: Unpack[ExceptionFilters]
    ) -> ExceptionPage:
        """One page of exceptions, newest or most urgent first."""
        query = without_none(limit=limit, cursor=cursor, **filters)
        return self._call(ExceptionPage, "GET", "/api/exceptions", query=query)

    def exceptions(self, **filters: Unpack[ExceptionFilters]) -> Iterator[ExceptionDocument]:
        """Every exception that the filters find, page by page."""
        return all_items(lambda cursor: self.list_exceptions(limit=_MAX_PAGE_SIZE, cursor=cursor, **filters))

    def get_exception(self, exception_id: str) -> ExceptionDocument:
        """One exception."""
        return self._call(ExceptionDocument, "GET", fill_path(_EXCEPTION, exception_id=exception_id))

    def change_exception(
        self, exception_id: str, changes: Document, *, row_version: int | None = None, actor: Actor | None = None
    ) -> ExceptionDocument:
        """Change attributes; with ``row_version``, only if that is still its version. Not retried."""
        headers = {} if row_version is None else {"If-Match": f'"{row_version}"'}
        headers |= _naming(actor)
        path = fill_path(_EXCEPTION, exception_id=exception_id)
        return self._call(ExceptionDocument, "PATCH", path, body=changes, headers=headers, repeatable=False)

    def add_comment(self, exception_id: str, text: str, *, actor: Actor | None = None) -> Event:
        """Comment on an exception. Not retried."""
        path = fill_path(_EXCEPTION + "/comments", exception_id=exception_id)
        body = {"text": text}
        return self._call(Event, "POST", path, body=body, headers=_naming(actor), repeatable=False)

    def get_playbook_state(self, exception_id: str) -> PlaybookState:
        """An exception's playbook and the state of its steps."""
        return self._call(PlaybookState, "GET", fill_path(_PLAYBOOK, exception_id=exception_id))

    def recalculate_playbook(
        self, exception_id: str, *, switch: bool = False, actor: Actor | None = None
    ) -> Recalculation:
        """Match the exception again. ``switch`` lets a person leave a playbook in progress for a better one."""
        path = fill_path(_PLAYBOOK + "/recalculate", exception_id=exception_id)
        return self._call(Recalculation, "POST", path, body={"switch": switch}, headers=_naming(actor))

    def start_playbook(self, exception_id: str, actor: Actor | None = None) -> PlaybookState:
        """Start the recommended playbook."""
        path = fill_path(_PLAYBOOK + "/start", exception_id=exception_id)
        return self._call(PlaybookState, "POST", path, headers=_naming(actor))

    def complete_step(
        self,
        exception_id: str,
        step_order: int,
        actor: Actor | None = None,
        *,
        mode: Literal["execute", "attest"] = "execute",
        notes: str | None = None,
        playbook_id: int | None = None,
    ) -> PlaybookState:
        """Complete the current step; ``outcome`` says whether this call completed it or an earlier one did.

        ``playbook_id`` guards against acting on another playbook than the caller has seen.
        """
        path = fill_path(_STEP + "/complete", exception_id=exception_id, step_order=step_order)
        body = {"mode": mode, **without_none(notes=notes, playbook_id=playbook_id)}
        return self._call(PlaybookState, "POST", path, body=body, headers=_naming(actor))

    def skip_step(
        self,
        exception_id: str,
        step_order: int,
        actor: Actor | None,
        reason: str,
        *,
        playbook_id: int | None = None,
    ) -> PlaybookState:
        """Skip the current step. Only people may, and not a mandatory step."""
        path = fill_path(_STEP + "/skip", exception_id=exception_id, step_order=step_order)
        body = {"reason": reason, **without_none(playbook_id=playbook_id)}
        return self._call(PlaybookState, "POST", path, body=body, headers=_naming(actor))

    def list_events(
        self,
        exception_id: str,
        *,
        after_seq: int = 0,
        event_type: Sequence[str] = (),
        limit: int = 50,
        cursor: str | None = None,
        wait: float = 0,
    ) -> EventPage:
        """One page of the log; ``wait``, up to 20 seconds, holds an empty response until there is an event."""
        path = fill_path(_EXCEPTION + "/events", exception_id=exception_id)
        query = {"after_seq": after_seq, "event_type": event_type, "limit": limit, "wait": wait}
        return self._call(EventPage, "GET", path, query={**query, **without_none(cursor=cursor)}, wait=wait)

    def events(
        self, exception_id: str, *, after_seq: int = 0, event_type: Sequence[str] = (), wait: float = 0
    ) -> Iterator[Event]:
        """The log in order: without ``wait`` up to its current end; with it, endlessly as it grows."""
        fetch = partial(self.list_events, exception_id, event_type=event_type, limit=_MAX_PAGE_SIZE, wait=wait)
        while True:
            started = time.monotonic()
            page = fetch(after_seq=after_seq)
            for event in page["items"]:
                after_seq = event["seq"]
                yield event
            if page["next_cursor"] is None and not wait:
                return
            if not page["items"] and time.monotonic() - started < wait / 2:
                # The service did not hold its response because too many clients wait already: slow down.
                time.sleep(min(wait, _BUSY_PAUSE_SECONDS))

    def verify_events(self, exception_id: str) -> ChainCheck:
        """Whether an exception's log is intact."""
        return self._call(ChainCheck, "GET", fill_path(_EXCEPTION + "/events/verify", exception_id=exception_id))

    def list_catalogue_events(
        self, *, after_seq: int = 0, event_type: Sequence[str] = (), limit: int = 50, cursor: str | None = None
    ) -> EventPage:
        """One page of the log of packs and playbooks: who stored and retired what."""
        query = {"after_seq": after_seq, "event_type": event_type, "limit": limit, **without_none(cursor=cursor)}
        return self._call(EventPage, "GET", "/api/catalogue/events", query=query)

    def catalogue_events(self, *, event_type: Sequence[str] = ()) -> Iterator[Event]:
        """The log of packs and playbooks, page by page."""
        fetch = partial(self.list_catalogue_events, event_type=event_type, limit=_MAX_PAGE_SIZE)
        return all_items(lambda cursor: fetch(cursor=cursor))

    def verify_catalogue_events(self) -> ChainCheck:
        """Whether the log of packs and playbooks is intact."""
        return self._call(ChainCheck, "GET", "/api/catalogue/events/verify")

    def list_deliveries(
        self, *, limit: int = 50, cursor: str | None = None, **filters: Unpack[DeliveryFilters]
    ) -> DeliveryPage:
        """One page of deliveries, newest first."""
        query = without_none(limit=limit, cursor=cursor, **filters)
        return self._call(DeliveryPage, "GET", "/api/deliveries", query=query)

    def deliveries(self, **filters: Unpack[DeliveryFilters]) -> Iterator[Delivery]:
        """Every delivery that the filters find, page by page."""
        return all_items(lambda cursor: self.list_deliveries(limit=_MAX_PAGE_SIZE, cursor=cursor, **filters))

    def redeliver(self, delivery_id: str, *, actor: Actor | None = None) -> Delivery:
        """Send a delivery again."""
        path = fill_path("/api/deliveries/{delivery_id}/redeliver", delivery_id=delivery_id)
        return self._call(Delivery, "POST", path, headers=_naming(actor))

    def redeliver_failed(self, since: datetime, *, actor: Actor | None = None) -> Redelivery:
        """Send deliveries again that were given up, 1,000 at most; repeat it until none is queued."""
        body = {"since": format_time(since)}
        return self._call(Redelivery, "POST", "/api/deliveries/redeliver", body=body, headers=_naming(actor))

    def publish_playbook(self, playbook: Document, *, actor: Actor | None = None) -> Playbook:
        """Publish the next version of a playbook; unchanged content returns the current version."""
        return self._call(Playbook, "POST", "/api/playbooks", body=playbook, headers=_naming(actor))

    def check_playbook(self, playbook: Document, *, actor: Actor | None = None) -> PublishCheck:
        """What publishing would do, and whether ``actor`` might; nothing is stored."""
        query, headers = {"dry_run": "true"}, _naming(actor)
        return self._call(PublishCheck, "POST", "/api/playbooks", body=playbook, query=query, headers=headers)

    def list_playbooks(
        self, *, limit: int = 50, cursor: str | None = None, **filters: Unpack[PlaybookFilters]
    ) -> PlaybookPage:
        """One page of playbook versions, newest first."""
        query = without_none(limit=limit, cursor=cursor, **filters)
        return self._call(PlaybookPage, "GET", "/api/playbooks", query=query)

    def playbooks(self, **filters: Unpack[PlaybookFilters]) -> Iterator[Playbook]:
        """Every playbook version that the filters find, page by page."""
        return all_items(lambda cursor: self.list_playbooks(limit=_MAX_PAGE_SIZE, cursor=cursor, **filters))

    def get_playbook(self, playbook_id: int) -> Playbook:
        """One playbook version, with its conditions also in words."""
        return self._call(Playbook, "GET", fill_path("/api/playbooks/{playbook_id}", playbook_id=playbook_id))

    def retire_playbook(self, playbook_id: int, *, actor: Actor | None = None) -> Playbook:
        """Retire a playbook version: it is no longer recommended."""
        path = fill_path("/api/playbooks/{playbook_id}/retire", playbook_id=playbook_id)
        return self._call(Playbook, "POST", path, headers=_naming(actor))

    def get_policy_pack(self) -> StoredPolicyPack:
        """The current Policy Pack; an empty one of version 0 if none was stored."""
        return self._call(StoredPolicyPack, "GET", "/api/policy-pack")

    def put_policy_pack(self, pack: Document, *, actor: Actor | None = None) -> StoredPolicyPack:
        """Store the next version of the Policy Pack."""
        return self._call(StoredPolicyPack, "PUT", "/api/policy-pack", body=pack, headers=_naming(actor))

    def get_domain_pack(self, domain: str) -> StoredDomainPack:
        """The Domain Pack of a domain."""
        return self._call(StoredDomainPack, "GET", fill_path("/api/domain-packs/{domain}", domain=domain))

    def put_domain_pack(self, domain: str, pack: Document, *, actor: Actor | None = None) -> StoredDomainPack:
        """Store the next version of a Domain Pack, for every tenant."""
        path = fill_path("/api/domain-packs/{domain}", domain=domain)
        return self._call(StoredDomainPack, "PUT", path, body=pack, headers=_naming(actor))

    def get_playbook_analytics(self, *, limit: int = 50, cursor: str | None = None) -> PlaybookAnalytics:
        """One page of figures per playbook, most started first: completions, skips, durations, SLA."""
        query = without_none(limit=limit, cursor=cursor)
        return self._call(PlaybookAnalytics, "GET", "/api/analytics/playbooks", query=query)

    def call_dummy_tool(
        self, tool_id: str, payload: Any, *, idempotency_key: str | None = None
    ) -> DummyToolAnswer:
        """Call the stub that stands in for any tool."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        path = fill_path("/api/dummy-tools/{tool_id}", tool_id=tool_id)
        return self._call(DummyToolAnswer, "POST", path, body={"payload": payload}, headers=headers)


def _naming(actor: Actor | None) -> dict[str, str]:
    return {} if actor is None else {"X-Actor-Type": actor.actor_type, "X-Actor-Id": actor.actor_id}
