from __future__ import annotations

import pytest

from sentinai.conditions.language.operators import OPERATORS
from sentinai.documents.schemas import check

pytestmark = pytest.mark.usefixtures("database")
ATTACK = {"method": [{"var": "exception.entity"}, "__class__"]}


def validate(caller, conditions, **options):
    reply = caller.post("/api/conditions/validate", {"conditions": conditions, **options})
    assert reply.status == 200, reply.body
    assert check("validate-response", reply.body) == []
    return reply.body


def evaluate(caller, body):
    reply = caller.post("/api/conditions/evaluate", body)
    assert reply.status == 200, reply.body
    assert check("evaluate-response", reply.body) == []
    return reply.body


def codes(findings):
    return {(finding["pointer"], finding["code"]) for finding in findings}


def test_valid_conditions_are_returned_in_normal_form_and_in_words(author_caller):
    rule = {"==": [{"%": [{"var": "exception.amount"}, 2]}, 0]}
    found = validate(author_caller, {"match": {"severity_gte": "Medium"}, "logic": rule, "priority": 3})
    assert found["valid"] is True
    assert found["normalized"] == {"and": [{">=": [{"var": "exception.severity_rank"}, 2]}, rule]}
    assert [clause["indexed"] for clause in found["clauses"]] == [True, False]
    assert found["clauses"][0]["text"] == "severity is at least medium"
    assert found["variables"] == ["exception.amount", "exception.severity_rank"]
    assert ("/logic", "not_indexed") in codes(found["warnings"])


def test_invalid_conditions_are_a_normal_response_with_every_error_at_its_pointer(author_caller):
    document = {"match": {"entty": "Q", "amount_gt": "many"}, "logic": {"nope": []}, "priority": 1.5}
    found = validate(author_caller, document)
    assert (found["valid"], found["normalized"], found["clauses"]) == (False, None, [])
    assert codes(found["errors"]) == {
        ("/match/entty", "unknown_predicate"),
        ("/match/amount_gt", "wrong_type"),
        ("/logic/nope", "operator_not_allowed"),
        ("/priority", "wrong_type"),
    }
    assert "entity" in next(error for error in found["errors"] if error["pointer"] == "/match/entty")["hint"]


@pytest.mark.parametrize(
    "conditions", [{}, [], None, 4, "match", True, {"match": []}, {"logic": []}, {"match": None}]
)
def test_any_json_value_can_be_validated_as_conditions(author_caller, conditions):
    found = validate(author_caller, conditions)
    assert found["valid"] is False
    assert found["errors"]


def test_names_that_the_stored_packs_do_not_list_are_warnings(author_caller, author):
    author.put_domain_pack("Shipping", {"exception_types": ["Berth Conflict", "Late Pilot"]})
    author.put_policy_pack({"domain_name": "Shipping", "tags": ["night"]})
    found = validate(author_caller, {"match": {"exception_type": "Berth Conflct", "policy_tags": ["nihgt"]}})
    assert {code for _, code in codes(found["warnings"])} >= {"unknown_exception_type", "unknown_tag"}
    other = validate(author_caller, {"match": {"exception_type": "Berth Conflct"}}, domain="Rail")
    assert other["warnings"] == []


def test_duplicates_of_stored_playbooks_are_warnings(author_caller, author):
    author.publish("Standing", {"match": {"entity": "Quay 2", "severity": "low"}})
    found = validate(author_caller, {"match": {"severity": "low", "entity": "Quay 2"}})
    assert any("Standing" in warning["message"] for warning in found["warnings"])


def test_evaluation_returns_every_clause_with_its_actual_value(author_caller):
    body = {
        "conditions": {"match": {"entity": "Quay 2", "context.wind_gt": 8}},
        "exception": {"exception_id": "X", "entity": "Quay 2", "normalized_context": {"wind": 5}},
        "as_of": "2026-05-04T08:00:00+02:00",
    }
    found = evaluate(author_caller, body)
    assert found["matches"] is False
    assert [(reason["actual"], reason["satisfied"]) for reason in found["reasons"]] == [
        ("Quay 2", True),
        (5, False),
    ]
    assert found["error"] is None
    assert found["context"]["exception"]["tenant_id"] == "harbour"
    body["exception"]["normalized_context"]["wind"] = 8.5
    assert evaluate(author_caller, body)["matches"] is True


def test_a_clause_that_raises_is_reported_and_the_conditions_do_not_match(author_caller):
    rule = {"/": [1, {"var": "exception.amount"}]}
    body = {"conditions": {"logic": rule}, "exception": {"exception_id": "X", "amount": 0}}
    found = evaluate(author_caller, body)
    assert found["matches"] is False
    assert (found["error"]["clause"], found["error"]["pointer"]) == (rule, "/logic")
    assert "ZeroDivisionError" in found["error"]["message"]


def test_given_packs_replace_stored_ones(author_caller, author):
    author.put_policy_pack({"tags": ["night"]})
    body = {"conditions": {"match": {"policy_tags": "night"}}, "exception": {"exception_id": "X"}}
    assert evaluate(author_caller, body)["matches"] is True
    assert evaluate(author_caller, {**body, "policy_pack": {}})["matches"] is False


@pytest.mark.parametrize(
    ("rule", "data", "result"),
    [
        ({"cat": [{"var": "name"}, "!"]}, {"name": "ahoy"}, "ahoy!"),
        ({"filter": [{"var": ""}, {">": [{"var": ""}, 2]}]}, [1, 2, 3, 4], [3, 4]),
        ({"glob": [{"var": "t"}, "b?rth*"]}, {"t": "BERTH 9"}, True),
        ({"var": "absent"}, None, None),
        (17, {}, 17),
    ],
)
def test_a_bare_rule_is_evaluated_on_any_data(author_caller, rule, data, result):
    assert evaluate(author_caller, {"logic": rule, "data": data}) == {"result": result}


@pytest.mark.parametrize("rule", [{"<": ["a", 1]}, {"+": ["x", 1]}, {"*": [1e200, 1e200]}, {"+": [1e308, 1e308]}])
def test_a_bare_rule_that_raises_is_a_normal_response(author_caller, rule):
    found = evaluate(author_caller, {"logic": rule, "data": {}})
    assert found["result"] is None
    assert found["error"]["message"]


def test_a_result_that_repeats_a_value_too_often_is_refused(author_caller):
    rule = [{"var": "note"}] * 200
    found = evaluate(author_caller, {"logic": rule, "data": {"note": "x" * 9_000}})
    assert (found["result"], "characters" in found["error"]["message"]) == (None, True)
    assert len(evaluate(author_caller, {"logic": rule, "data": {"note": "x" * 900}})["result"]) == 200


@pytest.mark.parametrize("items", [80, 5000])
def test_a_result_that_is_nested_too_deeply_is_refused(author_caller, items):
    rule = {"reduce": [{"var": "items"}, [{"var": "accumulator"}], 0]}
    found = evaluate(author_caller, {"logic": rule, "data": {"items": [1] * items}})
    assert found["result"] is None
    assert "nested" in found["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"logic": ATTACK, "data": {}},
        {"logic": {"if": [True, [{"merge": [1, ATTACK]}]]}},
        {"logic": {"map": [[1], {"reduce": [[1], 1, 0]}]}},
        {"logic": {"log": 1}},
        {"conditions": {"logic": {"and": [True, {"or": [ATTACK]}]}}, "exception": {"exception_id": "X"}},
    ],
)
def test_a_rule_that_the_guard_refuses_is_never_evaluated(author_caller, body):
    reply = author_caller.post("/api/conditions/evaluate", body)
    problem = reply.problem(422, "invalid_document")
    prefix = "/logic" if "logic" in body else "/conditions/logic"
    assert all(error["pointer"].startswith(prefix) for error in problem["errors"])


def test_validation_refuses_the_same_attack_at_any_depth(author_caller):
    rule: object = ATTACK
    for _ in range(9):
        rule = {"and": [True, {"!": [rule]}]}
    found = validate(author_caller, {"logic": rule})
    assert {code for _, code in codes(found["errors"])} == {"operator_not_allowed"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"conditions": {"match": {}}},
        {"logic": 1, "conditions": {"match": {}}, "exception": {"exception_id": "X"}},
        {"conditions": {"match": {}}, "exception": {"exception_id": "X"}, "data": 1},
    ],
)
def test_evaluation_requires_conditions_with_an_exception_or_a_bare_rule(author_caller, body):
    author_caller.post("/api/conditions/evaluate", body).problem(422, "invalid_document")


@pytest.mark.parametrize("roles", [(), ("viewer",), ("operator",)])
def test_only_authors_validate_and_evaluate_but_anyone_matches(caller_of, roles):
    someone = caller_of("harbour", *roles)
    someone.post("/api/conditions/validate", {"conditions": {}}).problem(403, "forbidden")
    someone.post("/api/conditions/evaluate", {"logic": 1}).problem(403, "forbidden")
    assert someone.match()["selected"] is None
    assert someone.get("/api/operators").status == 200


def test_an_exception_of_another_tenant_is_not_evaluated(author_caller):
    body = {"conditions": {"match": {}}, "exception": {"exception_id": "X", "tenant_id": "dockyard"}}
    author_caller.post("/api/conditions/evaluate", body).problem(403, "tenant_mismatch")


def test_the_vocabulary_lists_every_operator_and_predicate(caller):
    found = caller.get("/api/operators").body
    assert check("operators", found) == []
    assert {operator["name"] for operator in found["operators"]} == set(OPERATORS)
    names = {predicate["name"] for predicate in found["predicates"]}
    assert {"sla_window", "exception_types"} <= names
    assert {"sla_minutes_remaining_lt", "policy_tags_any", "context.<path>_not_in", "severity_gte"} <= names
    assert "sla.minutes_remaining" in {path["path"] for path in found["paths"]}


def test_a_tie_with_a_published_playbook_is_told_with_an_exception_that_shows_it(author, author_caller, caller):
    author.publish("Large", {"match": {"amount_gte": 100}, "priority": 3})
    author.publish("Higher", {"match": {"entity": "Lock"}, "priority": 4})

    def warnings(match, priority=3, **options):
        return validate(author_caller, {"match": match, "priority": priority}, **options)["warnings"]

    (tie,) = warnings({"entity": "Weir"})
    assert (tie["code"], tie["playbook"]) == ("tie", "Large")
    assert caller.match(**tie["witness"])["selected"]["name"] == "Large"
    assert "tie" not in [each["code"] for each in warnings({"entity": "Lock"})]
    assert warnings({"entity": "Weir"}, 2) == []
    assert warnings({"amount_gte": 50}, name="Large") == []
    assert [each["code"] for each in warnings({"amount_gte": 50})] == ["tie"]
