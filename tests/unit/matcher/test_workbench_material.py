"""The data that the workbench derives from packs and playbooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from matcher.matching import Playbook
from matcher.web.workbench.material import material
from sentinai.conditions import parse
from sentinai.conditions.lint.other_playbooks import Origin
from sentinai.documents.schemas import check

NOW = datetime(2026, 8, 14, 6, 59, 31, tzinfo=UTC)
MARITIME = {
    "domain_name": "Maritime",
    "exception_types": {
        "Berth Conflict": {
            "context": {
                "berth": {"type": "string", "description": "B1, B2 or B7 (deep)."},
                "draught": {"type": "number"},
                "pilot_on_board": {"type": "boolean"},
                "currency": {"type": "string", "description": "ISO 4217."},
                "agent": {"type": "string"},
                "vessels": {"type": "array"},
            }
        },
        "Customs Seal Broken": {"description": "No context at all."},
    },
}


def made(**given: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"domain_packs": {}, "policy_pack": {}, "playbooks": [], "now": NOW}
    return material(**{**defaults, **given})


def playbook(number: int, conditions: dict[str, Any]) -> Playbook:
    return Playbook(number, f"P{number}", 1, Origin(NOW, number), parse(conditions))


def test_a_sample_of_each_type_has_its_context_and_a_deadline_from_now() -> None:
    found = made(domain_packs={"Maritime": MARITIME})["samples"]
    assert [each["exception"]["exception_type"] for each in found] == ["Berth Conflict", "Customs Seal Broken"]
    first = found[0]["exception"]
    assert first["sla_deadline"] == "2026-08-14T07:44:00Z"
    assert first["normalized_context"] == {
        "berth": "B1",
        "draught": 10,
        "pilot_on_board": True,
        "currency": "EUR",
        "agent": "AGENT-1",
        "vessels": [],
    }
    for each in found:
        assert check("match-request", {"exception": each["exception"]}) == []


def test_samples_and_completion_use_the_values_of_playbooks() -> None:
    asking = playbook(4, {"match": {"context.berth_in": ["B9", "B8"], "context.draught_gt": 14.5}})
    found = made(domain_packs={"Maritime": MARITIME}, playbooks=[asking])
    context = found["samples"][0]["exception"]["normalized_context"]
    assert (context["berth"], context["draught"]) == ("B9", 14.5)
    assert found["completion"]["values"]["exception.normalized_context.berth"] == ["B8", "B9"]


def test_a_value_that_a_playbook_excludes_is_not_in_a_sample() -> None:
    excluding = playbook(5, {"match": {"context.berth_not": "B9"}})
    found = made(domain_packs={"Maritime": MARITIME}, playbooks=[excluding])
    assert found["samples"][0]["exception"]["normalized_context"]["berth"] == "B1"


def test_only_the_tenants_own_domain_is_offered() -> None:
    others = {"Maritime": MARITIME, "Aviation": {"exception_types": ["Slot Lost"]}}
    policy = {"domain_name": "Aviation", "tags": ["z"], "tag_rules": [{"tag": "a", "when": True}]}
    found = made(domain_packs=others, policy_pack=policy)
    assert found["completion"]["values"]["exception.exception_type"] == ["Slot Lost"]
    assert found["completion"]["values"]["policy.tags"] == ["a", "z"]
    assert made(domain_packs=others)["completion"]["values"]["exception.domain"] == ["Maritime", "Aviation"]


def test_without_packs_there_are_samples_and_examples() -> None:
    found = made()
    assert len(found["samples"]) == 1
    assert found["playbooks"] == []
    for example in found["examples"]:
        parse(example["conditions"])


def test_every_suggested_key_of_match_is_a_predicate() -> None:
    found = made(domain_packs={"Maritime": MARITIME})["completion"]
    for option in found["match"]:
        number = option["label"].endswith(("_lt", "_lte", "_gt", "_gte"))
        value: Any = 3 if number or option["label"].startswith(("amount", "sla_minutes")) else "x"
        if option["label"].startswith("severity"):
            value = "low"
        if option["label"].startswith(("created_at", "sla_deadline")):
            value = "2026-11-23T09:30:00Z"
        if option["label"].startswith("sla_breached"):
            value = True
        if option["label"] == "sla_window":
            value = {found["sla_window"][0]["label"]: 3}
        elif option["list"] or option["label"] == "policy_tags":
            value = [value]
        parse({"match": {option["label"]: value}})


def test_the_best_ranked_playbooks_of_a_large_catalogue_are_offered() -> None:
    many = [playbook(number, {"match": {"domain": "Maritime"}, "priority": number}) for number in range(1, 700)]
    found = made(playbooks=many)["playbooks"]
    assert len(found) == 500
    assert found[0]["priority"] == 699
