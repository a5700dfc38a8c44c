"""What a request may cost: a clause has a share, a request a budget, and others are not affected."""

from __future__ import annotations

from typing import Any

import pytest

from sentinai.problems import MAX_FINDINGS

pytestmark = pytest.mark.usefixtures("database")

NAMES = {"var": "exception.normalized_context.names"}
HEAVY = {"or": [{"missing": NAMES}, {"!": [{"var": "exception.normalized_context.n"}]}]}
"""Most of a clause's share for ``MANY``."""
MANY = {"names": ["exception.owner"] * 3_000}
FULL = {"names": ["exception.owner"] * 2_500}


def playbooks(count: int, logic: Any) -> list[dict[str, Any]]:
    """Playbooks, each with a rule of its own."""
    return [
        {
            "playbook_id": number,
            "name": f"P{number}",
            "version": 1,
            "conditions": {"logic": {"or": [{"==": [{"var": "exception.amount"}, number]}, logic]}},
        }
        for number in range(1, count + 1)
    ]


def test_a_clause_over_its_share_leaves_other_playbooks_alone(caller, author):
    heavy = author.publish("Heavy", {"logic": {"or": [{"missing": NAMES}] * 100}, "priority": 5})
    author.publish("Light", {"match": {}})
    found = caller.match({"normalized_context": {"names": ["exception.exception_id"] * 2_600}})
    assert found["selected"]["name"] == "Light"
    (error,) = found["errors"]
    assert (error["playbook_id"], error["code"]) == (heavy, "budget")


def test_a_rule_that_raises_has_another_code(caller, author):
    author.publish("Bad", {"logic": {"<": [{"var": "exception.normalized_context"}, "a"]}})
    assert [error["code"] for error in caller.match()["errors"]] == ["failed"]


@pytest.mark.parametrize("count", [50, 400])
def test_a_request_over_its_budget_is_refused(caller, count):
    body = {"exception": {"exception_id": "X", "normalized_context": MANY}, "playbooks": playbooks(count, HEAVY)}
    reply = caller.post("/api/match", body)
    reply.problem(422, "evaluation_budget_exceeded")


def test_reading_the_playbooks_of_a_request_is_charged(caller):
    rule = {"or": [{"==": [{"var": "exception.amount"}, number]} for number in range(100)]}
    reply = caller.post("/api/match", {"exception": {"exception_id": "X"}, "playbooks": playbooks(100, rule)})
    reply.problem(422, "evaluation_budget_exceeded")


def test_a_request_has_at_most_a_thousand_playbooks(caller):
    reply = caller.post("/api/match", {"exception": {"exception_id": "X"}, "playbooks": playbooks(1_001, True)})
    reply.problem(422, "invalid_document")
    assert reply.error("/playbooks")["code"] == "maxItems"


def test_tag_rules_are_charged_to_the_request(caller):
    rules = [{"tag": f"t{number}", "when": {"!": {"missing": NAMES}}} for number in range(40)]
    body = {"exception": {"exception_id": "X", "normalized_context": MANY}, "policy_pack": {"tag_rules": rules}}
    caller.post("/api/match", body).problem(422, "evaluation_budget_exceeded")


def test_a_stored_catalogue_is_not_charged_for_being_read(caller, author):
    for number in range(60):
        rule = {"or": [{"==": [{"var": "exception.amount"}, number * 100 + each]} for each in range(60)]}
        author.publish(f"P{number}", {"logic": rule})
    assert caller.match({"amount": 100})["selected"]["name"] == "P1"


def test_one_exception_over_its_budget_does_not_affect_the_rest_of_a_batch(caller):
    exceptions = [{"exception_id": "a"}, {"exception_id": "b", "normalized_context": MANY}, {"exception_id": "c"}]
    body = {"exceptions": exceptions, "playbooks": playbooks(50, HEAVY)}
    results = caller.post("/api/match/batch", body).body["results"]
    assert [result.get("code") for result in results] == [None, "evaluation_budget_exceeded", None]
    assert results[1]["instance"].endswith("#/exceptions/1")


def test_a_batch_has_one_budget_for_all_its_exceptions(caller):
    exceptions = [{"exception_id": f"E{number}", "normalized_context": FULL} for number in range(30)]
    body = {"exceptions": exceptions, "playbooks": playbooks(20, HEAVY)}
    codes = [result.get("code") for result in caller.post("/api/match/batch", body).body["results"]]
    done = codes.count(None)
    assert 5 <= done < 30
    assert codes[done:] == ["evaluation_budget_exceeded"] * (30 - done)


def test_misspelt_predicates_are_reported_up_to_a_number_for_all_playbooks(caller):
    misspelt = {f"severty{number}": 1 for number in range(200)}
    given = [
        {"playbook_id": number, "name": f"P{number}", "version": 1, "conditions": {"match": misspelt}}
        for number in range(1, 9)
    ]
    packs = {"policy_pack": {"tag_rules": [{"tag": "x", "when": {"match": misspelt}}] * 5}}
    for more in ({"playbooks": given}, packs):
        reply = caller.post("/api/match", {"exception": {"exception_id": "X"}, **more})
        assert len(reply.problem(422, "invalid_document")["errors"]) <= MAX_FINDINGS


def test_evaluating_conditions_is_charged(author_caller):
    body = {
        "exception": {"exception_id": "X", "normalized_context": MANY},
        "conditions": {"logic": {"and": [{"!!": {"missing": NAMES}} for _ in range(40)]}},
    }
    author_caller.post("/api/conditions/evaluate", body).problem(422, "evaluation_budget_exceeded")
