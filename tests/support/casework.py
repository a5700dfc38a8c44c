"""A tenant with packs of its own, and short ways to publish playbooks, bring in exceptions and work on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from tests.support.pair import Client

from sentinai.documents.schemas import check

PERSON = {"actor_type": "human", "actor_id": "noor"}
AGENT = {"actor_type": "agent", "actor_id": "sweeper"}


class Callers(Protocol):
    """A source of clients: the pair in processes, or in threads."""

    def client(self, tenant_id: str, *roles: str, **claims: Any) -> Client:
        """A caller of the executor."""


def note(name: str = "Note it", text: str = "Seen.", **members: Any) -> dict[str, Any]:
    """A step that comments."""
    return _step(name, "add_comment", members, text_template=text)


def own(name: str = "Hand over", **owner: str) -> dict[str, Any]:
    """A step that assigns an owner: ``queue`` or ``user_id``."""
    return _step(name, "assign_owner", {}, **owner)


def to_status(status: str, name: str = "Move on", **members: Any) -> dict[str, Any]:
    """A step that sets the status."""
    return _step(name, "set_status", members, status=status)


def tell(name: str = "Tell them", channel: str = "sms", **params: Any) -> dict[str, Any]:
    """A step that notifies."""
    return _step(
        name, "notify", {}, channel=channel, **(params or {"message": "Look at {exception.exception_id}."})
    )


def call(tool_id: str = "reread_meter", name: str = "Read again", **payload: Any) -> dict[str, Any]:
    """A step that calls a tool."""
    given = payload or {"meter": "{exception.normalized_context.meter}"}
    return _step(name, "call_tool", {}, tool_id=tool_id, payload_template=given)


def _step(name: str, action_type: str, members: Mapping[str, Any], **params: Any) -> dict[str, Any]:
    own_params = {"mandatory": True} if members.get("mandatory") else {}
    rest = {key: value for key, value in members.items() if key != "mandatory"}
    return {"name": name, "action_type": action_type, "params": {**params, **own_params}, **rest}


def domain_pack(domain: str) -> dict[str, Any]:
    """The Domain Pack of a utility: meters that report nonsense, bills that do not add up."""
    return {
        "domain_name": domain,
        "exception_types": ["Meter Silent", "Bill Mismatch"],
        "severity_rules": [
            {"name": "heavy", "when": {"match": {"amount_gte": 9000}}, "severity": "HIGH"},
            {"name": "rest", "when": {"match": {}}, "severity": "low"},
        ],
        "tools": {
            "reread_meter": {"parameters": {"meter": {"type": "string", "required": True}}},
            "cut_supply": {"parameters": {}},
        },
        "notification_templates": {
            "visit": {"subject": "Visit {exception.entity}", "message": "By {actor.id}, meter {meter}."}
        },
    }


@dataclass(frozen=True, slots=True)
class Casework:
    """One tenant at work, in a domain of its own. ``admin`` may do all, as the person ``noor``."""

    callers: Callers
    tenant_id: str
    domain: str
    admin: Client
    now: datetime

    def acting(self, actor: Mapping[str, str], *roles: str, **claims: Any) -> Client:
        """A client for an actor; an operator by default."""
        who = {"subject": actor["actor_id"], "actor_type": actor["actor_type"]}
        return self.callers.client(self.tenant_id, *(roles or ("operator",)), **who, **claims)

    def policy(self, **members: Any) -> Any:
        """Store the next Policy Pack."""
        pack = {"approved_tools": ["reread_meter"], **members}
        return self.admin.ok("PUT", "/api/policy-pack", pack)

    def publish(
        self, name: str, steps: Iterable[Mapping[str, Any]], *, on_completion: Any = None, **match: Any
    ) -> int:
        """Publish a playbook of this domain; ``match`` are further predicates, and ``priority``. Its id."""
        document = self.playbook(name, steps, on_completion=on_completion, **match)
        return int(self.admin.ok("POST", "/api/playbooks", document)["playbook_id"])

    def playbook(
        self, name: str, steps: Iterable[Mapping[str, Any]], *, on_completion: Any = None, **match: Any
    ) -> dict[str, Any]:
        """The document that publishes a playbook."""
        conditions: dict[str, Any] = {"priority": match.pop("priority", 0)}
        conditions["match"] = {"domain": self.domain, **match}
        document = {"name": name, "conditions": conditions, "steps": list(steps)}
        return document if on_completion is None else {**document, "on_completion": on_completion}

    def document(self, **attributes: Any) -> dict[str, Any]:
        """An exception to create."""
        return {
            "exception_id": f"M-{uuid4().hex[:10]}",
            "domain": self.domain,
            "exception_type": "Meter Silent",
            "severity": "medium",
            "entity": "Pier 9",
            "amount": 1240.5,
            "normalized_context": {"meter": "EM-44", "visits": 2},
            **attributes,
        }

    def due(self, **distance: float) -> str:
        """A deadline so far from now, as a document has it."""
        return (self.now + timedelta(**distance)).isoformat()

    def create_exception(self, **attributes: Any) -> str:
        """The id of a new exception."""
        return str(self.admin.ok("POST", "/api/exceptions", self.document(**attributes))["exception_id"])

    def state(self, exception_id: str) -> Any:
        """The playbook state of an exception, validated by its schema."""
        state = self.admin.ok("GET", f"/api/exceptions/{exception_id}/playbook")
        assert check("playbook-state", state) == []
        return state

    def complete(self, exception_id: str, step: int, **members: Any) -> Any:
        """Complete a step as ``noor``."""
        return self.admin.ok("POST", step_path(exception_id, step), {**PERSON, **members})

    def events(self, exception_id: str, *types: str) -> list[Any]:
        """The whole log of an exception, or its events of some types."""
        query = {"event_type": list(types), "limit": 200}
        return list(self.admin.ok("GET", f"/api/exceptions/{exception_id}/events", params=query)["items"])

    def catalogue_events(self, *types: str) -> list[Any]:
        """The log of the catalogue, or its events of some types."""
        query = {"event_type": list(types), "limit": 200}
        return list(self.admin.ok("GET", "/api/catalogue/events", params=query)["items"])


def step_path(exception_id: str, step: int, verb: str = "complete") -> str:
    """Where a step is completed or skipped."""
    return f"/api/exceptions/{exception_id}/playbook/steps/{step}/{verb}"


def new_casework(callers: Callers, now: datetime) -> Casework:
    """A tenant that nobody else has, in a domain that nobody else has, with packs and no playbook."""
    unique = uuid4().hex[:8]
    tenant_id, domain = f"utility-{unique}", f"Energy-{unique}"
    admin = callers.client(tenant_id, "admin", subject=PERSON["actor_id"])
    admin.ok("PUT", f"/api/domain-packs/{domain}", domain_pack(domain))
    work = Casework(callers, tenant_id, domain, admin, now)
    work.policy()
    return work
