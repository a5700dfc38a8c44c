"""The executor, for a UI backend, a source of exceptions, agents and auditors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, TypedDict, Unpack

from uuid6 import uuid7

from sentinai.client.answers import (
    ChainCheck,
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
    StoredDomainPack,
    StoredPolicyPack,
)
from sentinai.client.service import ServiceClient, given, pages, place

Document = Mapping[str, Any]
_EXCEPTION = "/api/exceptions/{exception_id}"
_PLAYBOOK = _EXCEPTION + "/playbook"
_STEP = _PLAYBOOK + "/steps/{step_order}"
_MOST = 200
_HURRIED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the token's own ``actor_type`` and subject, or one that the token may act for."""

    actor_type: Literal["human", "agent", "system"]
    actor_id: str


class ExceptionFilters(TypedDict, total=False):
    """What narrows and orders a list of exceptions. ``sla`` is of those unresolved: past, or within the hour."""

    status: Sequence[str]
    severity: Sequence[str]
    domain: str
    exception_type: str
    owner: str
    playbook_id: int
    sla: Literal["breached", "at_risk"]
    sort: Literal["created_at", "sla"]


class PlaybookFilters(TypedDict, total=False):
    """What narrows a list of playbook versions."""

    status: Literal["active", "retired"]
    name: str


class ExecutorClient(ServiceClient):
    """Works on exceptions, the catalogue and the log, as the caller whose token it has.

    Calls are repeated when the service is away or busy, for the executor does each thing once however often it
    is asked. Two are not: a comment, which would stand twice, and a change of attributes, which might undo
    another's. Every method raises ApiProblem: by its ``code``, or as one of the types in
    :mod:`sentinai.client.problems`.
    """

    def create_exception(self, exception: Document) -> ExceptionDocument:
        """Take in an exception. Without an ``exception_id`` it gets one here, so that trying again is safe."""
        body = {"exception_id": f"EX-{uuid7()}", **exception}
        return self._ask(ExceptionDocument, "POST", "/api/exceptions", body=body)

    def list_exceptions(
        self, *, limit: int = 50, cursor: str | None = None, **filters: Unpack[ExceptionFilters]
    ) -> ExceptionPage:
        """One page of exceptions, newest or most urgent first."""
        query = given(limit=limit, cursor=cursor, **filters)
        return self._ask(ExceptionPage, "GET", "/api/exceptions", query=query)

    def exceptions(self, **filters: Unpack[ExceptionFilters]) -> Iterator[ExceptionDocument]:
        """Every exception that the filters let through, page after page."""
        return pages(lambda cursor: self.list_exceptions(limit=_MOST, cursor=cursor, **filters))

    def get_exception(self, exception_id: str) -> ExceptionDocument:
        """One exception."""
        return self._ask(ExceptionDocument, "GET", place(_EXCEPTION, exception_id=exception_id))

    def change_exception(
        self, exception_id: str, changes: Document, *, row_version: int | None = None
    ) -> ExceptionDocument:
        """Change attributes; with ``row_version``, only if nobody changed it since. Not repeated."""
        headers = {} if row_version is None else {"If-Match": f'"{row_version}"'}
        path = place(_EXCEPTION, exception_id=exception_id)
        return self._ask(ExceptionDocument, "PATCH", path, body=changes, headers=headers, repeatable=False)

    def add_comment(self, exception_id: str, text: str) -> Event:
        """Comment on an exception. Not repeated."""
        path = place(_EXCEPTION + "/comments", exception_id=exception_id)
        return self._ask(Event, "POST", path, body={"text": text}, repeatable=False)

    def get_playbook_state(self, exception_id: str) -> PlaybookState:
        """Where an exception stands with its playbook."""
        return self._ask(PlaybookState, "GET", place(_PLAYBOOK, exception_id=exception_id))

    def recalculate_playbook(self, exception_id: str, *, switch: bool = False) -> Recalculation:
        """Ask the matcher anew. ``switch`` leaves a playbook in progress for a better one; for people."""
        path = place(_PLAYBOOK + "/recalculate", exception_id=exception_id)
        return self._ask(Recalculation, "POST", path, body={"switch": switch})

    def start_playbook(self, exception_id: str, actor: Actor) -> PlaybookState:
        """Begin the recommended playbook."""
        path = place(_PLAYBOOK + "/start", exception_id=exception_id)
        return self._ask(PlaybookState, "POST", path, body=asdict(actor))

    def complete_step(
        self,
        exception_id: str,
        step_order: int,
        actor: Actor,
        *,
        mode: Literal["execute", "attest"] = "execute",
        notes: str | None = None,
        playbook_id: int | None = None,
    ) -> PlaybookState:
        """Complete the current step; ``outcome`` says whether it was done just now or before.

        ``playbook_id`` guards against acting on a playbook that was switched meanwhile.
        """
        path = place(_STEP + "/complete", exception_id=exception_id, step_order=step_order)
        body = {**asdict(actor), "mode": mode, **given(notes=notes, playbook_id=playbook_id)}
        return self._ask(PlaybookState, "POST", path, body=body)

    def skip_step(
        self,
        exception_id: str,
        step_order: int,
        actor: Actor,
        reason: str,
        *,
        playbook_id: int | None = None,
    ) -> PlaybookState:
        """Skip the current step; for people, and never a mandatory one."""
        path = place(_STEP + "/skip", exception_id=exception_id, step_order=step_order)
        body = {**asdict(actor), "reason": reason, **given(playbook_id=playbook_id)}
        return self._ask(PlaybookState, "POST", path, body=body)

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
        """One page of the log; ``wait``, up to 20 seconds, holds an empty answer until something comes."""
        path = place(_EXCEPTION + "/events", exception_id=exception_id)
        query = {"after_seq": after_seq, "event_type": event_type, "limit": limit, "wait": wait}
        return self._ask(EventPage, "GET", path, query={**query, **given(cursor=cursor)}, wait=wait)

    def events(
        self, exception_id: str, *, after_seq: int = 0, event_type: Sequence[str] = (), wait: float = 0
    ) -> Iterator[Event]:
        """The log, in order. Without ``wait`` up to its present end; with it, on and on as it grows."""
        asked = partial(self.list_events, exception_id, event_type=event_type, limit=_MOST, wait=wait)
        while True:
            began = time.monotonic()
            page = asked(after_seq=after_seq)
            for event in page["items"]:
                after_seq = event["seq"]
                yield event
            if page["next_cursor"] is None and not wait:
                return
            if not page["items"] and time.monotonic() - began < wait / 2:
                # Too many were waiting there already, so it answered at once: do not press it.
                time.sleep(min(wait, _HURRIED_SECONDS))

    def verify_events(self, exception_id: str) -> ChainCheck:
        """Whether an exception's log is whole."""
        return self._ask(ChainCheck, "GET", place(_EXCEPTION + "/events/verify", exception_id=exception_id))

    def publish_playbook(self, playbook: Document) -> Playbook:
        """Publish the next version of a playbook, or learn which version has this content already."""
        return self._ask(Playbook, "POST", "/api/playbooks", body=playbook)

    def check_playbook(self, playbook: Document) -> PublishCheck:
        """What publishing would come to; nothing is stored."""
        query = {"dry_run": "true"}
        return self._ask(PublishCheck, "POST", "/api/playbooks", body=playbook, query=query)

    def list_playbooks(
        self, *, limit: int = 50, cursor: str | None = None, **filters: Unpack[PlaybookFilters]
    ) -> PlaybookPage:
        """One page of playbook versions, newest first."""
        query = given(limit=limit, cursor=cursor, **filters)
        return self._ask(PlaybookPage, "GET", "/api/playbooks", query=query)

    def playbooks(self, **filters: Unpack[PlaybookFilters]) -> Iterator[Playbook]:
        """Every playbook version that the filters let through, page after page."""
        return pages(lambda cursor: self.list_playbooks(limit=_MOST, cursor=cursor, **filters))

    def get_playbook(self, playbook_id: int) -> Playbook:
        """One playbook version, its conditions also in words."""
        return self._ask(Playbook, "GET", place("/api/playbooks/{playbook_id}", playbook_id=playbook_id))

    def retire_playbook(self, playbook_id: int) -> Playbook:
        """Take a playbook version out of matching."""
        return self._ask(Playbook, "POST", place("/api/playbooks/{playbook_id}/retire", playbook_id=playbook_id))

    def get_policy_pack(self) -> StoredPolicyPack:
        """The Policy Pack that counts; version 0 and empty where none was stored."""
        return self._ask(StoredPolicyPack, "GET", "/api/policy-pack")

    def put_policy_pack(self, pack: Document) -> StoredPolicyPack:
        """Store the next version of the Policy Pack."""
        return self._ask(StoredPolicyPack, "PUT", "/api/policy-pack", body=pack)

    def get_domain_pack(self, domain: str) -> StoredDomainPack:
        """The Domain Pack of a domain."""
        return self._ask(StoredDomainPack, "GET", place("/api/domain-packs/{domain}", domain=domain))

    def put_domain_pack(self, domain: str, pack: Document) -> StoredDomainPack:
        """Store the next version of a Domain Pack, for every tenant."""
        path = place("/api/domain-packs/{domain}", domain=domain)
        return self._ask(StoredDomainPack, "PUT", path, body=pack)

    def get_playbook_analytics(self, *, limit: int = 50, cursor: str | None = None) -> PlaybookAnalytics:
        """One page of how playbooks fare, most started first: completed, skipped, durations, SLA kept."""
        query = given(limit=limit, cursor=cursor)
        return self._ask(PlaybookAnalytics, "GET", "/api/analytics/playbooks", query=query)

    def call_dummy_tool(
        self, tool_id: str, payload: Any, *, idempotency_key: str | None = None
    ) -> DummyToolAnswer:
        """Call the stub that stands in for a tool."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        path = place("/api/dummy-tools/{tool_id}", tool_id=tool_id)
        return self._ask(DummyToolAnswer, "POST", path, body={"payload": payload}, headers=headers)
