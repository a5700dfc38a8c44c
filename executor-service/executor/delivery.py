"""Delivers outbox messages and records the outcome. Every channel and tool is a stub, and says so.

Notifications are logged; those for the channel ``webhook`` are posted to the configured URL, if there is one. A
tool call goes to the executor's own dummy tool. A URL is never taken from a playbook, a pack or a payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from executor.domain.changeset import ChangeSet
from executor.domain.model import Actor, NewEvent
from executor.store import outbox
from executor.store.outbox import ClaimedMessage
from executor.store.unit_of_work import SqlStore, SqlTransaction
from sentinai.client.deadline_session import new_session
from sentinai.documents import strict_json
from sentinai.identity import mint_token
from sentinai.problems import MalformedJson
from sentinai.settings import Settings
from sentinai.telemetry import logger

_log = logger("delivery")
_TOKEN_SECONDS = 60
_MAX_RESPONSE_BYTES = 1_048_576
"""A tool's response is stored in the log, so its size is limited."""


class DeliveryFailed(Exception):
    """A message was not delivered. It may be attempted again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a delivery: ``sent``, ``succeeded`` or ``failed``; and the response of a tool."""

    outcome: str
    detail: str
    response: Any = None


def deliver(settings: Settings, tenant_id: str, message: ClaimedMessage) -> Receipt:
    """Deliver one message, with its idempotency key, by which the receiver recognises a repetition.

    Raises:
        DeliveryFailed: the receiver did not accept it.
    """
    if message.kind == "tool_call":
        return _call_tool(settings, tenant_id, message)
    channel = message.payload["channel"]
    if channel == "webhook" and settings.webhook_url:
        _post(settings, settings.webhook_url, message.payload, message, {})
        return Receipt("sent", "Posted to the configured webhook.")
    _log.info("notification", tenant_id=tenant_id, channel=channel, outbox_id=message.outbox_id)
    return Receipt("sent", f"Stub: {channel} logs and sends nothing.")


def _call_tool(settings: Settings, tenant_id: str, message: ClaimedMessage) -> Receipt:
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
    response = _post(settings, url, body, message, {"Authorization": f"Bearer {token}"})
    try:
        return Receipt("succeeded", "Stub: the dummy tool accepted the call.", strict_json.loads(response.content))
    except MalformedJson as error:
        raise DeliveryFailed(f"the tool's response is not valid JSON: {error.detail}") from error


def _post(
    settings: Settings, url: str, body: Any, message: ClaimedMessage, headers: dict[str, str]
) -> requests.Response:
    try:
        with new_session() as session:
            response = session.post(
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
        raise DeliveryFailed(f"the request failed ({type(error).__name__})") from error
    if not response.ok:
        raise DeliveryFailed(f"the receiver responded with status {response.status_code}")
    if len(response.content) > _MAX_RESPONSE_BYTES:
        raise DeliveryFailed(
            f"the response has {len(response.content):,} bytes, more than the limit of {_MAX_RESPONSE_BYTES:,}"
        )
    return response


def record(
    store: SqlStore, tenant_id: str, message: ClaimedMessage, receipt: Receipt, actor: Actor, now: datetime
) -> None:
    """Close a message and add its event in one transaction. Does nothing if another worker has closed it."""

    def work(tx: SqlTransaction) -> None:
        exception = tx.exception(message.exception_id, lock=True)
        failed = receipt.outcome == "failed"
        closed = outbox.close(
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


def _event(message: ClaimedMessage, receipt: Receipt) -> NewEvent:
    common = {
        "outbox_id": message.outbox_id,
        "outcome": receipt.outcome,
        "attempts": message.attempts,
        "detail": receipt.detail,
    }
    if message.kind == "notification":
        return NewEvent("NotificationSent", {**common, "channel": message.payload["channel"]})
    return NewEvent(
        "ToolCallRecorded",
        {
            **common,
            "tool_id": message.payload["tool_id"],
            "mode": "stub",
            "response": receipt.response,
            "idempotency_key": message.idempotency_key,
        },
    )
