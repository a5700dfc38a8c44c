"""The Triage agent: proposes severity and type from the packs' rules, at creation and after changes.

The severity is that of the first of the Policy Pack's ``severity_overrides`` that applies, or else of the Domain
Pack's ``severity_rules``. A severity that somebody gave is kept; one that the rules gave is only ever raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executor.domain.documents import exception_document
from executor.domain.model import Actor, ExceptionRecord, NewEvent, Packs
from sentinai import packs
from sentinai.conditions import holds_for
from sentinai.conditions.evaluation.budget import Budget, spending
from sentinai.conditions.evaluation.context import build
from sentinai.exception_fields import severity_rank
from sentinai.problems import EvaluationBudgetExceeded

AGENT = Actor("agent", "triage-agent", None)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the rules give, with the type spelt as the Domain Pack lists it; ``basis`` names the rules, in words.

    ``severity`` is None if no rule gives one.
    """

    severity: str | None
    exception_type: str
    basis: tuple[str, ...]


def propose(record: ExceptionRecord, of: Packs, now: datetime) -> Proposal:
    """The severity and type that the rules of the packs give an exception."""
    basis: list[str] = []
    try:
        with spending(Budget()):
            seen = build(exception_document(record), domain_pack=of.domain, policy_pack=of.policy, as_of=now)
            severity = _severity(record, of, seen, basis)
    except EvaluationBudgetExceeded:
        severity = None
        basis.append("the packs' rules take more work than one exception may cause, so no rule sets the severity")
    listed = _as_listed(record.exception_type, packs.exception_types(of.domain))
    if listed is None:
        basis.append(f"the Domain Pack does not list the type {record.exception_type!r}")
    return Proposal(severity, listed or record.exception_type, tuple(basis))


def applied(record: ExceptionRecord, proposal: Proposal, *, severity_is_given: bool) -> dict[str, Any]:
    """The fields that the proposal changes. ``severity_is_given`` says that somebody gave the severity."""
    changes: dict[str, Any] = {}
    raises = severity_rank(proposal.severity) > severity_rank(record.severity)
    if raises and not severity_is_given:
        changes["severity"] = proposal.severity
    if proposal.exception_type != record.exception_type:
        changes["exception_type"] = proposal.exception_type
    return changes


def completed(
    record: ExceptionRecord, proposal: Proposal, playbook_hint: str | None, *, severity_is_given: bool
) -> NewEvent:
    """The event with the proposal, and what of it is applied to the exception."""
    changes = applied(record, proposal, severity_is_given=severity_is_given)
    severity = _severity_text(record, proposal, changes, severity_is_given)
    hint = f"; {playbook_hint} may apply" if playbook_hint else ""
    return NewEvent(
        "TriageCompleted",
        {
            "severity": proposal.severity or record.severity,
            "exception_type": proposal.exception_type,
            "applied": changes,
            "basis": list(proposal.basis),
            "playbook_hint": playbook_hint,
            "summary": f"{proposal.exception_type}, {severity}{hint}.",
        },
    )


def _severity_text(record: ExceptionRecord, proposal: Proposal, changes: Mapping[str, Any], given: bool) -> str:
    severity: str | None = changes.get("severity", record.severity)
    if severity is None:
        return "severity unknown: none is given, and no rule gives one"
    source = "as given" if given else "by rule" if severity == proposal.severity else "as before"
    differs = proposal.severity not in (None, severity)
    return f"severity {severity} ({source}{f', the rules say {proposal.severity}' if differs else ''})"


def _severity(record: ExceptionRecord, of: Packs, seen: Mapping[str, Any], basis: list[str]) -> str | None:
    sources = (
        ("severity override", of.policy.get("severity_overrides", ())),
        ("severity rule", of.domain.get("severity_rules", ())),
    )
    for source, rules in sources:
        found = _first_that_holds(rules, record, seen)
        if found:
            name = found.get("name") or found.get("exception_type") or "unnamed"
            basis.append(f"{source} {name!r} gives {found['severity'].lower()}")
            return str(found["severity"]).lower()
    return None


def _first_that_holds(
    rules: Iterable[Mapping[str, Any]], record: ExceptionRecord, seen: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    for rule in rules:
        of_type = rule.get("exception_type")
        type_fits = of_type is None or of_type.casefold() == record.exception_type.casefold()
        if type_fits and ("when" not in rule or holds_for(rule["when"], seen)):
            return rule
    return None


def _as_listed(exception_type: str, listed: Iterable[str]) -> str | None:
    return next((name for name in listed if name.casefold() == exception_type.casefold()), None)
