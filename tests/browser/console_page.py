"""A tenant for the console's tests, with packs, playbooks and exceptions of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page, Route
from tests.support.pair import Client, Pair

DOMAIN = {
    "domain_name": "Freight",
    "exception_types": ["Customs Hold", "Lost Container"],
    "tools": {"file_entry": {"parameters": {"entry": {"type": "string", "required": True}}}},
    "notification_templates": {
        "hold": {"subject": "Held: {exception.entity}", "message": "{exception.exception_id} is held at {place}."}
    },
}
POLICY = {"domain_name": "Freight", "approved_tools": ["file_entry"], "resolve_on_completion": True}
HOLD = {
    "name": "Release the container",
    "conditions": {"match": {"domain": "Freight", "exception_type": "Customs Hold"}, "priority": 10},
    "steps": [
        {
            "name": "Tell the forwarder",
            "action_type": "notify",
            "params": {
                "channel": "email",
                "template_id": "hold",
                "placeholders": {"place": "{exception.normalized_context.port}"},
            },
        },
        {"name": "Take it into analysis", "action_type": "set_status", "params": {"status": "analyzing"}},
        {
            "name": "File the entry",
            "action_type": "call_tool",
            "params": {
                "tool_id": "file_entry",
                "payload_template": {"entry": "{exception.normalized_context.entry}"},
            },
        },
        {"name": "Note the release", "action_type": "add_comment", "params": {"text": "Released."}},
    ],
}
_NEWS = "**/events?**"
URGENT = {
    "name": "Release at once",
    "conditions": {
        "match": {"domain": "Freight", "exception_type": "Customs Hold", "severity": "critical"},
        "priority": 90,
    },
    "steps": [{"name": "Escalate", "action_type": "set_status", "params": {"status": "escalated"}}],
}


class ConsoleTenant:
    """A tenant with packs, two playbooks, and exceptions on request."""

    def __init__(self, pair: Pair) -> None:
        self.tenant_id = f"desk-{uuid4().hex[:8]}"
        self.api: Client = pair.client(self.tenant_id, "admin", subject="desk")
        # A connection that lies idle while a browser works is closed by the server, at times as it is used again.
        self.api.session.headers["Connection"] = "close"
        self.api.ok("PUT", "/api/domain-packs/Freight", DOMAIN)
        self.api.ok("PUT", "/api/policy-pack", POLICY)
        for playbook in (HOLD, URGENT):
            self.api.ok("POST", "/api/playbooks", playbook)

    def hold(self, **attributes: Any) -> str:
        """The id of a new exception: a container held at customs."""
        document = {
            "exception_id": f"H-{uuid4().hex[:8]}",
            "domain": "Freight",
            "exception_type": "Customs Hold",
            "severity": "medium",
            "entity": "Baltic Lines",
            "amount": 41250.75,
            "sla_deadline": (datetime.now(UTC) + timedelta(minutes=50)).isoformat(),
            "normalized_context": {"port": "Gdynia", "entry": "E-771"},
            **attributes,
        }
        return str(self.api.ok("POST", "/api/exceptions", document)["exception_id"])

    def complete(self, exception_id: str, step: int, actor_id: str = "desk") -> Any:
        """Complete a step by the API, as someone else would."""
        body = {"actor_type": "human", "actor_id": actor_id}
        return self.api.ok("POST", f"/api/exceptions/{exception_id}/playbook/steps/{step}/complete", body)


@contextmanager
def nothing_new(page: Page) -> Iterator[None]:
    """Hold back what a page would hear of others, until the end. To be begun before the page is opened."""

    def hold_back(route: Route) -> None:
        """Neither answered nor sent on; when nobody routes any more, the browser sends it on itself."""

    page.route(_NEWS, hold_back)
    yield
    page.unroute(_NEWS, hold_back)
