"""What the demo catalogues choose: the expectations hold, and every exception gets work that can be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.demo.demo_data import AS_OF, TENANTS, Demo, demo

from executor.agents import intake, triage
from executor.domain.documents import exception_document
from matcher.authoring import expectations
from matcher.matching import MatchResult, compile_catalogue, match
from sentinai.conditions.evaluation import context


@pytest.fixture(params=TENANTS)
def tenant(request: pytest.FixtureRequest) -> Demo:
    return demo(request.param)


def test_the_expectations_hold_and_name_every_playbook(tenant: Demo) -> None:
    exceptions = expectations.read_exceptions(tenant.folder / "exceptions.json")
    expected = expectations.read_cases(tenant.folder / "expectations.yaml", exceptions, AS_OF)
    report = expectations.run(
        expected,
        tenant.catalogue(),
        domain_pack=tenant.packs.domain,
        policy_pack=tenant.packs.policy,
        progress=lambda: None,
    )
    assert [(failed.case.name, failed.chosen, failed.explanation) for failed in report.failed] == []
    assert set(report.never_chosen) == _passed_over(result.match for result in report.results)
    assert len(expected) >= 40
    assert any(case.playbook is None for case in expected)
    assert len({case.name for case in expected}) == len(expected)


def test_every_playbook_is_the_choice_for_an_exception_once_triaged(tenant: Demo) -> None:
    chosen = {found.selected.playbook.name for found in _matched(tenant).values() if found.selected}
    passed_over = _passed_over(_matched(tenant).values())
    assert chosen | passed_over == {playbook["name"] for playbook in tenant.playbooks.values()}
    assert chosen.isdisjoint(passed_over)


def _passed_over(results: Iterable[MatchResult]) -> set[str]:
    """The playbooks that policy does not allow yet."""
    return {each.playbook.name for result in results for each in result.passed_over}


def test_no_condition_fails_to_evaluate(tenant: Demo) -> None:
    assert {name: found.errors for name, found in _matched(tenant).items() if found.errors} == {}


def test_playbooks_overlap(tenant: Demo) -> None:
    depths = [len(found.ranked) for found in _matched(tenant).values()]
    assert min(depths) >= 1
    assert sum(depth >= 3 for depth in depths) >= 8


def test_tag_rules_all_give_their_tag_to_some_exception_and_not_to_all(tenant: Demo) -> None:
    seen = [set(seen["policy"]["tags"]) for seen in _contexts(tenant).values()]
    for tag in (rule["tag"] for rule in tenant.packs.policy["tag_rules"]):
        assert 0 < sum(tag in tags for tags in seen) < len(seen), tag


def test_triage_gives_what_was_left_open_different_severities(tenant: Demo) -> None:
    given = {
        exception["exception_id"]: triage.propose(
            intake.normalise(
                exception, tenant_id=tenant.folder.name, exception_id=exception["exception_id"], now=AS_OF
            ),
            tenant.packs,
            AS_OF,
        )
        for exception in tenant.exceptions
        if "severity" not in exception
    }
    assert {proposal.severity for proposal in given.values()} == {"low", "medium", "high", "critical"}
    bases = {basis.partition("'")[0] for proposal in given.values() for basis in proposal.basis}
    assert bases == {"severity override ", "severity rule "}


def _contexts(tenant: Demo) -> Mapping[str, dict[str, Any]]:
    """What rules see of each exception after triage."""
    found = {}
    for exception in tenant.exceptions:
        name = exception["exception_id"]
        record = intake.normalise(exception, tenant_id=tenant.folder.name, exception_id=name, now=AS_OF)
        proposal = triage.propose(record, tenant.packs, AS_OF)
        given = record.severity is not None
        record = replace(record, **triage.applied(record, proposal, severity_is_given=given))
        found[name] = context.build(
            exception_document(record),
            domain_pack=tenant.packs.domain,
            policy_pack=tenant.packs.policy,
            as_of=AS_OF,
        )
    return found


def _matched(tenant: Demo) -> Mapping[str, MatchResult]:
    catalogue = compile_catalogue(tenant.catalogue())
    return {name: match(catalogue, seen, as_of=AS_OF, limit=10) for name, seen in _contexts(tenant).items()}
