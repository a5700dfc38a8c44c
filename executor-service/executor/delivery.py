"""Delivers outbox messages and records the outcome. Every channel and tool is a stub, and says so.

Notifications are logged; those for the channel ``webhook`` are posted to the configured URL, if there is one. A
tool call goes to the executor's own dummy tool. A URL is never taken from a playbook, a pack or a payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import requests
from urllib3.exceptions import HTTPError

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
_MAX_RESPONSE_BYTES = 65_536
"""As much of a response is read. A tool's is stored in the log; that of a webhook is of no interest."""
_READ_BYTES = 4096


class DeliveryFailed(Exception):
    """A message was not delivered. It may be attempted again. ``status`` is that of the response, if any came."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a delivery: ``sent``, ``succeeded`` or ``failed``; and the response of a tool."""

    outcome: str
    detail: str
    response: Any = None
    status: int | None = None


def address(settings: Settings, message: ClaimedMessage) -> str:
    """Where a message goes. Messages to other addresses do not wait for it."""
    if message.kind == "tool_call":
        return settings.executor_url
    is_posted = message.payload["channel"] == "webhook" and settings.webhook_url
    return settings.webhook_url if is_posted else "log"


def deliver(settings: Settings, tenant_id: str, message: ClaimedMessage) -> Receipt:
    """Deliver one message, with its idempotency key, by which the receiver recognises a repetition.

    Raises:
        DeliveryFailed: the receiver did not accept it.
    """
    if message.kind == "tool_call":
        return _call_tool(settings, tenant_id, message)
    channel = message.payload["channel"]
    if channel == "webhook" and settings.webhook_url:
        status, _ = _post(settings, settings.webhook_url, message.payload, message, {})
        return Receipt("sent", "Posted to the configured webhook.", status=status)
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
    status, content = _post(settings, url, body, message, {"Authorization": f"Bearer {token}"})
    if len(content) > _MAX_RESPONSE_BYTES:
        raise DeliveryFailed(f"the response has more than {_MAX_RESPONSE_BYTES:,} bytes", status)
    try:
        response = strict_json.loads(content)
    except MalformedJson as error:
        raise DeliveryFailed(f"the tool's response is not valid JSON: {error.detail}", status) from error
    return Receipt("succeeded", "Stub: the dummy tool accepted the call.", response, status)


def _post(
    settings: Settings, url: str, body: Any, message: ClaimedMessage, headers: dict[str, str]
) -> tuple[int, bytes]:
    """Post a message; the status and the beginning of the response."""
    try:
        with (
            new_session() as session,
            session.post(
                url,
                data=strict_json.dumps(body).encode(),
                headers={
                    "Content-Type": "application/json",
                    "Accept-Encoding": "identity",
                    "Idempotency-Key": message.idempotency_key,
                    **headers,
                },
                timeout=settings.outbox_timeout_seconds,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            content = _beginning(response)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise DeliveryFailed(f"the request failed ({type(error).__name__})") from error
    if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        raise DeliveryFailed(f"the receiver responded with status {response.status_code}", response.status_code)
    return response.status_code, content


def _beginning(response: requests.Response) -> bytes:
    """A little more than the limit. It is not decompressed: a few bytes may become millions."""
    content = b""
    while len(content) <= _MAX_RESPONSE_BYTES:
        read = response.raw.read(_READ_BYTES, decode_content=False)
        if not read:
            break
        content += read
    return content


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
            status_code=receipt.status,
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
