"""What a rule sees: an exception, its packs and an instant, as one JSON value.

Time is an input. The same exception, packs and ``as_of`` give the same context for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sentinai.clock import parse_time
from sentinai.conditions import holds_for
from sentinai.conditions.vocabulary import SEVERITIES

ATTRIBUTES = (
    "exception_id",
    "tenant_id",
    "domain",
    "exception_type",
    "severity",
    "status",
    "source_system",
    "entity",
    "amount",
    "owner",
    "created_at",
    "sla_deadline",
)


def build(
    exception: Mapping[str, Any],
    *,
    domain_pack: Mapping[str, Any],
    policy_pack: Mapping[str, Any],
    as_of: datetime,
) -> dict[str, Any]:
    """The context of an exception. Minutes are a number with fractions, negative once the SLA is breached.

    A tag rule that is malformed or raises gives no tag.
    """
    severity = exception.get("severity")
    severity = severity.lower() if isinstance(severity, str) else None
    own = exception.get("normalized_context")
    seen: dict[str, Any] = {name: exception.get(name) for name in ATTRIBUTES}
    seen["severity"] = severity
    seen["severity_rank"] = SEVERITIES.index(severity) + 1 if severity in SEVERITIES else None
    seen["normalized_context"] = own if isinstance(own, Mapping) else {}
    context: dict[str, Any] = {
        "exception": seen,
        "sla": _sla(exception.get("sla_deadline"), as_of),
        "policy": {"tags": _own_tags(policy_pack, seen["normalized_context"])},
        "domain_pack": domain_pack,
        "policy_pack": policy_pack,
    }
    if policy_pack.get("tag_rules"):
        _add_ruled_tags(context, policy_pack["tag_rules"])
    return context


def _sla(deadline: Any, as_of: datetime) -> dict[str, Any]:
    if not isinstance(deadline, str):
        return {"minutes_remaining": None, "breached": False}
    minutes = (parse_time(deadline) - as_of).total_seconds() / 60
    return {"minutes_remaining": minutes, "breached": minutes < 0}


def _own_tags(policy_pack: Mapping[str, Any], normalized_context: Mapping[str, Any]) -> list[str]:
    given = normalized_context.get("policy_tags")
    tags = [*policy_pack.get("tags", ()), *(given if isinstance(given, list) else ())]
    return sorted({tag for tag in tags if isinstance(tag, str)})


def _add_ruled_tags(context: dict[str, Any], rules: Any) -> None:
    """All rules see the tags that stand without any of them, so their order does not matter."""
    given = [rule["tag"] for rule in rules if holds_for(rule["when"], context)]
    context["policy"] = {"tags": sorted({*context["policy"]["tags"], *given})}
