"""Triage: the severity and type that the packs' rules give an exception, and what of it is applied."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.support.values import NO_PACKS, NOON, record

from executor.agents import triage
from executor.domain.model import Packs
from sentinai.documents.schemas import check

DOMAIN = {
    "exception_types": {"Misplaced Container": {}, "Fire": {}},
    "severity_rules": [
        {"name": "raises", "when": {"<": ["a", 1]}, "severity": "low"},
        {"name": "hostile", "when": {"method": ["x", "upper"]}, "severity": "low"},
        {"name": "far off", "when": {">": [{"var": "exception.normalized_context.row"}, 20]}, "severity": "HIGH"},
        {"name": "late", "when": {"match": {"sla_minutes_remaining_lt": 180}}, "severity": "medium"},
        {"name": "any", "when": {"match": {}}, "severity": "low"},
    ],
}


def severity(*, policy: dict[str, Any] | None = None, **fields: Any) -> str | None:
    of = record(**{"severity": None, **fields})
    return triage.propose(of, Packs(domain=DOMAIN, policy=policy or {}), NOON).severity


def test_the_first_rule_that_holds_decides_and_one_that_raises_or_is_hostile_does_not() -> None:
    assert severity(normalized_context={"row": 21}) == "high"
    assert severity() == "medium"
    assert severity(sla_deadline=None) == "low"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({"severity": "Critical"}, "critical"),
        ({"exception_type": "misplaced container", "severity": "critical"}, "critical"),
        ({"exception_type": "Fire", "severity": "critical"}, "medium"),
        ({"when": {"match": {"entity": "MSKU 604-2"}}, "severity": "critical"}, "critical"),
        ({"when": {"match": {"entity": "other"}}, "severity": "critical"}, "medium"),
        ({"exception_type": "Fire", "when": {"match": {}}, "severity": "critical"}, "medium"),
    ],
)
def test_an_override_that_fits_in_all_it_names_comes_before_the_rules(
    override: dict[str, Any], expected: str
) -> None:
    assert severity(policy={"severity_overrides": [override]}) == expected


def test_without_rules_the_severity_stays_open() -> None:
    proposal = triage.propose(record(severity=None), NO_PACKS, NOON)
    assert proposal.severity is None
    event = triage.completed(record(severity=None), proposal, None, severity_is_given=False)
    assert event.payload["applied"] == {}


def test_a_type_is_spelt_as_in_the_pack_and_an_unknown_one_is_reported() -> None:
    packs = Packs(domain=DOMAIN, policy={})
    assert triage.propose(record(exception_type="FIRE"), packs, NOON).exception_type == "Fire"
    unknown = triage.propose(record(exception_type="Flood"), packs, NOON)
    assert unknown.exception_type == "Flood"
    assert any("Flood" in line for line in unknown.basis)


@pytest.mark.parametrize(
    ("severity", "given", "rule", "applied", "words"),
    [
        ("low", True, "critical", {}, "severity low (as given, the rules say critical)"),
        ("low", True, "low", {}, "severity low (as given)"),
        ("low", True, None, {}, "severity low (as given)"),
        (None, False, "critical", {"severity": "critical"}, "severity critical (by rule)"),
        (None, False, None, {}, "severity unknown: none is given, and no rule gives one"),
        ("medium", False, "high", {"severity": "high"}, "severity high (by rule)"),
        ("medium", False, "medium", {}, "severity medium (by rule)"),
        ("medium", False, "low", {}, "severity medium (as before, the rules say low)"),
        ("medium", False, None, {}, "severity medium (as before)"),
    ],
)
def test_a_severity_that_was_given_is_kept_and_one_by_rule_is_only_raised(
    severity: str | None, given: bool, rule: str | None, applied: dict[str, str], words: str
) -> None:
    of = record(severity=severity)
    overrides = [{"severity": rule}] if rule else []
    proposal = triage.propose(of, Packs(domain={}, policy={"severity_overrides": overrides}), NOON)
    event = triage.completed(of, proposal, "Find the box", severity_is_given=given)
    assert event.payload["applied"] == applied == triage.applied(of, proposal, severity_is_given=given)
    assert event.payload["severity"] == (rule or severity)
    assert event.payload["summary"] == f"{of.exception_type}, {words}; Find the box may apply."
    assert check("events/TriageCompleted", event.payload) == []


def test_a_type_is_stored_as_the_pack_spells_it() -> None:
    of = record(exception_type="fire")
    proposal = triage.propose(of, Packs(domain=DOMAIN, policy={}), NOON)
    assert triage.applied(of, proposal, severity_is_given=True) == {"exception_type": "Fire"}


def test_the_same_exception_gets_the_same_proposal() -> None:
    packs = Packs(domain=DOMAIN, policy={})
    assert triage.propose(record(), packs, NOON) == triage.propose(record(), packs, NOON)


HEAVY = {"!": {"missing": {"var": "exception.normalized_context.names"}}}
MANY = {"names": ["exception.owner"] * 2_500}


@pytest.mark.parametrize(
    ("domain", "policy"),
    [
        ({"severity_rules": [{"when": HEAVY, "severity": "low"}] * 1_000}, {}),
        ({}, {"severity_overrides": [{"when": HEAVY, "severity": "low"}] * 1_000}),
        (DOMAIN, {"tag_rules": [{"tag": "t", "when": HEAVY}] * 1_000}),
        ({"severity_rules": [{"when": {"match": {"amount_lt": 0}}, "severity": "low"}] * 17_000}, {}),
    ],
    ids=["rules", "overrides", "tags", "reading"],
)
def test_costly_rules_cost_one_exception_no_more_than_a_request_may(domain: Any, policy: Any) -> None:
    of = record(severity=None, normalized_context=MANY)
    started = time.process_time()
    proposal = triage.propose(of, Packs(domain=domain, policy=policy), NOON)
    assert time.process_time() - started < 0.5
    assert proposal.severity is None
    assert proposal.basis


def test_a_rule_that_holds_before_the_budget_is_spent_decides() -> None:
    rules = [{"when": {"match": {}}, "severity": "high"}, *[{"when": HEAVY, "severity": "low"}] * 100]
    of = record(severity=None, normalized_context=MANY)
    assert triage.propose(of, Packs(domain={"severity_rules": rules}, policy={}), NOON).severity == "high"
