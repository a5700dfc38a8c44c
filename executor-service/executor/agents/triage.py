"""The Triage agent: proposes severity and type from the packs' rules.

A severity given by the caller is kept; a missing one is set by the first of the Policy Pack's
``severity_overrides`` that applies, or else of the Domain Pack's ``severity_rules``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from executor.domain.documents import exception_document
from executor.domain.model import Actor, ExceptionRecord, NewEvent, Packs
from sentinai import packs
from sentinai.conditions import holds_for
from sentinai.conditions.evaluation.budget import Budget, spending
from sentinai.conditions.evaluation.context import build
from sentinai.problems import EvaluationBudgetExceeded

AGENT = Actor("agent", "triage-agent", None)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The outcome of triage; ``basis`` names the rules, in words."""

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
        severity = record.severity
        basis.append("the packs' rules take more work than one exception may cause, so no rule sets the severity")
    listed = _as_listed(record.exception_type, packs.exception_types(of.domain))
    if listed is None:
        basis.append(f"the Domain Pack does not list the type {record.exception_type!r}")
    return Proposal(severity, listed or record.exception_type, tuple(basis))


def apply(record: ExceptionRecord, proposal: Proposal) -> ExceptionRecord:
    """The exception with the proposed severity, where the caller gave none."""
    return record if record.severity else replace(record, severity=proposal.severity)


def completed(record: ExceptionRecord, proposal: Proposal, playbook_hint: str | None) -> NewEvent:
    """The event with the proposal, and what of it was applied."""
    open_severity = record.severity is None and proposal.severity is not None
    return NewEvent(
        "TriageCompleted",
        {
            "severity": proposal.severity,
            "exception_type": proposal.exception_type,
            "applied": {"severity": proposal.severity} if open_severity else {},
            "basis": list(proposal.basis),
            "playbook_hint": playbook_hint,
            "summary": _summary(record, proposal, playbook_hint),
        },
    )


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
    if record.severity:
        basis.append("severity as given by the caller")
    return record.severity


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


def _summary(record: ExceptionRecord, proposal: Proposal, playbook_hint: str | None) -> str:
    given = "as given" if record.severity == proposal.severity else "by rule"
    severity = record.severity or proposal.severity or "unknown"
    hint = f"; {playbook_hint} may apply" if playbook_hint else ""
    proposed = (
        f", the rules say {proposal.severity}" if record.severity and proposal.severity != record.severity else ""
    )
    return f"{proposal.exception_type}, severity {severity} ({given}{proposed}){hint}."
