"""A running pair on each database, and tenants of their own on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.conftest import database_of
from tests.support.databases import KINDS
from tests.support.pair import Client, Pair, running_pair

DOMAIN = {
    "domain_name": "Water",
    "exception_types": {"Pump Failure": {}, "Leak": {}},
    "severity_rules": [
        {"name": "large", "when": {"match": {"amount_gte": 500}}, "severity": "High"},
        {"name": "rest", "when": {"match": {}}, "severity": "low"},
    ],
    "tools": {"valve": {"parameters": {"valve": {"type": "string", "required": True}}}, "drain": {}},
    "notification_templates": {"crew": {"subject": "{exception.entity}", "message": "Go to {exception.entity}."}},
}
POLICY = {
    "domain_name": "Water",
    "approved_tools": ["valve"],
    "assignable": {"queues": ["crews"], "users": []},
    "tag_rules": [{"tag": "night", "when": {"==": [{"var": "exception.normalized_context.shift"}, "night"]}}],
}
REPAIR = {
    "name": "Repair the pump",
    "conditions": {"match": {"domain": "Water", "exception_type": "pump*"}, "priority": 10},
    "steps": [
        {"name": "Send a crew", "action_type": "notify", "params": {"channel": "sms", "template_id": "crew"}},
        {"name": "To the crews", "action_type": "assign_owner", "params": {"queue": "crews"}},
        {
            "name": "Close the valve",
            "action_type": "call_tool",
            "params": {
                "tool_id": "valve",
                "payload_template": {"valve": "{exception.normalized_context.valve}"},
                "mandatory": True,
            },
        },
        {"name": "Under analysis", "action_type": "set_status", "params": {"status": "analyzing"}},
        {"name": "Say so", "action_type": "add_comment", "params": {"text_template": "By {actor.id}."}},
    ],
    "on_completion": {"set_status": "resolved"},
}
NIGHT = {
    "name": "Night shift",
    "conditions": {"match": {"domain": "Water", "policy_tags": ["night"]}, "priority": 50},
    "steps": [{"name": "Escalate", "action_type": "set_status", "params": {"status": "escalated"}}],
}
UNAPPROVED = {
    "name": "Drain it",
    "conditions": {"match": {"domain": "Water", "exception_type": "Pump Failure"}, "priority": 99},
    "steps": [{"name": "Drain", "action_type": "call_tool", "params": {"tool_id": "drain"}}],
}


@dataclass(frozen=True, slots=True)
class Plant:
    """A tenant with packs and playbooks. ``api`` may do anything, ``agent`` is no person."""

    pair: Pair
    tenant_id: str
    api: Client
    agent: Client

    def exception(self, **attributes: Any) -> str:
        """The id of a new exception that the repair playbook fits."""
        document = {
            "exception_id": f"W-{uuid4().hex[:8]}",
            "domain": "Water",
            "exception_type": "Pump Failure",
            "entity": "Mill Road",
            "amount": 700.25,
            "sla_deadline": (datetime.now(UTC) + timedelta(hours=3)).isoformat(),
            "normalized_context": {"valve": "V-7"},
            **attributes,
        }
        return str(self.api.ok("POST", "/api/exceptions", document)["exception_id"])

    def step(self, exception_id: str, order: int, **body: Any) -> Any:
        """Complete a step as a person."""
        return self.api.ok("POST", path(exception_id, order), {**ME, **body})

    def events(self, exception_id: str, *types: str) -> list[Any]:
        """The events of an exception, of some types if given."""
        query = {"limit": 200, "event_type": list(types)}
        return list(self.api.ok("GET", f"/api/exceptions/{exception_id}/events", params=query)["items"])


ME = {"actor_type": "human", "actor_id": "someone"}


def path(exception_id: str, order: int, how: str = "complete") -> str:
    """The path of a step's operation."""
    return f"/api/exceptions/{exception_id}/playbook/steps/{order}/{how}"


@pytest.fixture(
    scope="session",
    params=[pytest.param(kind, marks=[pytest.mark.postgres] * (kind == "postgres")) for kind in KINDS],
)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp(request.param)
    with running_pair(database_of(request.param, folder), folder) as running:
        yield running


@pytest.fixture
def plant(pair: Pair) -> Plant:
    tenant_id = f"plant-{uuid4().hex[:8]}"
    api = pair.client(tenant_id, "admin")
    api.ok("PUT", "/api/domain-packs/Water", DOMAIN)
    api.ok("PUT", "/api/policy-pack", POLICY)
    for playbook in (REPAIR, NIGHT, UNAPPROVED):
        api.ok("POST", "/api/playbooks", playbook)
    agent = pair.client(tenant_id, "operator", subject="bot", actor_type="agent")
    return Plant(pair, tenant_id, api, agent)
