"""Handing outbox messages to where they go, and recording what came of it. Every sink is a stub that says so.

Notifications are logged; a ``webhook`` one is posted to the one configured address, if there is one. A tool
call goes to the executor's own dummy tool. Never is an address taken from a playbook, a pack or a payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from executor.domain.changeset import ChangeSet
from executor.domain.model import Actor, NewEvent
from executor.store import outbox
from executor.store.unit_of_work import SqlStore, SqlTransaction
from sentinai.client.deadline_session import new_session
from sentinai.documents import strict_json
from sentinai.identity import mint_token
from sentinai.problems import MalformedJson
from sentinai.settings import Settings
from sentinai.telemetry import logger

_log = logger("delivery")
_TOKEN_SECONDS = 60
_MOST_ANSWERED = 1_048_576
"""Bytes of an answer: what a tool says is stored in the log."""


class DeliveryFailed(Exception):
    """A message could not be handed over; it may be tried again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a delivery: ``sent``, ``succeeded`` or ``failed``, in words, and the answer if any."""

    outcome: str
    detail: str
    response: Any = None


def deliver(settings: Settings, tenant_id: str, message: outbox.Delivery) -> Receipt:
    """Hand one message over. The idempotency key goes along: a second delivery is known as such.

    Raises:
        DeliveryFailed: it was not taken.
    """
    if message.kind == "tool_call":
        return _call_tool(settings, tenant_id, message)
    if message.payload["channel"] == "webhook" and settings.webhook_url:
        _post(settings, settings.webhook_url, message.payload, message, {})
        return Receipt("sent", "Posted to the configured webhook.")
    channel = message.payload["channel"]
    _log.info("notification", tenant_id=tenant_id, channel=channel, outbox_id=message.outbox_id)
    return Receipt("sent", f"Stub: {channel} logs and sends nothing.")


def _call_tool(settings: Settings, tenant_id: str, message: outbox.Delivery) -> Receipt:
    token = mint_token(
        settings,
        subject="worker",
        tenant_id=tenant_id,
        roles=["operator"],
        actor_type="system",
        lifetime_seconds=_TOKEN_SECONDS,
    )
    url = f"{settings.executor_url}/api/dummy-tools/{message.payload['tool_id']}"
    body = {"payload": message.payload["payload"]}
    answer = _post(settings, url, body, message, {"Authorization": f"Bearer {token}"})
    try:
        return Receipt("succeeded", "Stub: the dummy tool took the call.", strict_json.loads(answer.content))
    except MalformedJson as error:
        raise DeliveryFailed(f"the tool's answer is not JSON: {error.detail}") from error


def _post(
    settings: Settings, url: str, body: Any, message: outbox.Delivery, headers: dict[str, str]
) -> requests.Response:
    try:
        with new_session() as session:
            answer = session.post(
                url,
                data=strict_json.dumps(body).encode(),
                headers={
                    "Content-Type": "application/json",
                    "Idempotency-Key": message.idempotency_key,
                    **headers,
                },
                timeout=settings.outbox_timeout_seconds,
                allow_redirects=False,
            )
    except requests.RequestException as error:
        raise DeliveryFailed(type(error).__name__) from error
    if not answer.ok:
        raise DeliveryFailed(f"status {answer.status_code}")
    if len(answer.content) > _MOST_ANSWERED:
        raise DeliveryFailed(f"an answer of {len(answer.content):,} bytes")
    return answer


def record(
    store: SqlStore, tenant_id: str, message: outbox.Delivery, receipt: Receipt, actor: Actor, now: datetime
) -> None:
    """Close a message and say so in the log, in one transaction; once, whoever else delivered it too."""

    def work(tx: SqlTransaction) -> None:
        exception = tx.exception(message.exception_id, lock=True)
        failed = receipt.outcome == "failed"
        closed = outbox.settle(
            tx.session,
            message.outbox_id,
            status="failed" if failed else "delivered",
            now=now,
            error=receipt.detail if failed else None,
        )
        if closed:
            changeset = ChangeSet(exception, actor, now)
            changeset.add_event(_event(message, receipt))
            tx.save(changeset)

    store.write(tenant_id, work)


def _event(message: outbox.Delivery, receipt: Receipt) -> NewEvent:
    payload = message.payload
    if message.kind == "tool_call":
        return NewEvent(
            "ToolCallRecorded",
            {
                "outbox_id": message.outbox_id,
                "tool_id": payload["tool_id"],
                "mode": "stub",
                "outcome": receipt.outcome,
                "detail": receipt.detail,
                "response": receipt.response,
                "attempts": message.attempts,
                "idempotency_key": message.idempotency_key,
            },
        )
    return NewEvent(
        "NotificationSent",
        {
            "outbox_id": message.outbox_id,
            "channel": payload["channel"],
            "outcome": receipt.outcome,
            "attempts": message.attempts,
            "detail": receipt.detail,
        },
    )
