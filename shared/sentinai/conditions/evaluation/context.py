"""The context of a rule: an exception, its packs and an instant, as one JSON value.

Time is an input: the same exception, packs and ``as_of`` always give the same context.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sentinai.clock import parse_time
from sentinai.conditions.evaluation.budget import charge_reading
from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.conditions.evaluation.evaluate import Evaluator
from sentinai.conditions.evaluation.pack_rules import logic_of
from sentinai.exception_fields import RULE_FIELDS, severity_rank
from sentinai.problems import InvalidDocument


@dataclass(frozen=True, slots=True)
class TagRule:
    """A tag and the compiled rule that sets it."""

    tag: str
    when: Evaluator


def tag_rules_of(policy_pack: Mapping[str, Any]) -> tuple[TagRule, ...]:
    """The compiled tag rules of a Policy Pack, without those that the guard refuses."""
    return tuple(_tag_rules(policy_pack.get("tag_rules", ())))


def _tag_rules(given: Iterable[Mapping[str, Any]]) -> Iterator[TagRule]:
    for rule in given:
        try:
            yield TagRule(rule["tag"], Evaluator(logic_of(rule["when"])))
        except InvalidDocument:
            continue


def build(
    exception: Mapping[str, Any],
    *,
    domain_pack: Mapping[str, Any],
    policy_pack: Mapping[str, Any],
    as_of: datetime,
    tag_rules: tuple[TagRule, ...] | None = None,
) -> dict[str, Any]:
    """The context of an exception. Minutes are a number with fractions, negative once the SLA is breached.

    ``tag_rules`` are the Policy Pack's, if they are compiled already. A rule that raises sets no tag.

    Raises:
        EvaluationBudgetExceeded: the tag rules would cost more than is left of the current budget.
    """
    severity = exception.get("severity")
    severity = severity.lower() if isinstance(severity, str) else None
    own = exception.get("normalized_context")
    seen: dict[str, Any] = {name: exception.get(name) for name in RULE_FIELDS}
    seen["severity"] = severity
    seen["severity_rank"] = severity_rank(severity) or None
    seen["normalized_context"] = own if isinstance(own, Mapping) else {}
    context: dict[str, Any] = {
        "exception": seen,
        "sla": _sla(exception.get("sla_deadline"), as_of),
        "policy": {"tags": _own_tags(policy_pack, seen["normalized_context"])},
        "domain_pack": domain_pack,
        "policy_pack": policy_pack,
    }
    if tag_rules is None:
        for rule in policy_pack.get("tag_rules", ()):
            charge_reading(rule["when"])
        tag_rules = tag_rules_of(policy_pack)
    if tag_rules:
        _add_ruled_tags(context, tag_rules)
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


def _add_ruled_tags(context: dict[str, Any], rules: tuple[TagRule, ...]) -> None:
    """Every rule sees the tags that are there without tag rules, so their order does not matter."""
    given = [rule.tag for rule in rules if _holds(rule.when, context)]
    context["policy"] = {"tags": sorted({*context["policy"]["tags"], *given})}


def _holds(rule: Evaluator, context: Mapping[str, Any]) -> bool:
    try:
        return rule.holds(context)
    except EvaluationError:
        return False
