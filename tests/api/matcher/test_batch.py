from __future__ import annotations

import pytest

from sentinai.documents.schemas import check

pytestmark = pytest.mark.usefixtures("database")


def batch(caller, exceptions, **options):
    reply = caller.post("/api/match/batch", {"exceptions": exceptions, **options})
    assert reply.status == 200, reply.body
    assert check("match-batch-response", reply.body) == []
    return reply.body["results"]


def test_each_exception_gets_the_result_of_a_single_match(caller, author):
    author.put_policy_pack({"tag_rules": [{"tag": "cold", "when": {"<": [{"var": "exception.amount"}, 3]}}]})
    author.publish("Cold", {"match": {"policy_tags": "cold"}, "priority": 4})
    author.publish("East", {"match": {"source_system": "east"}})
    exceptions = [
        {"exception_id": "a", "amount": 2, "source_system": "east"},
        {"exception_id": "b", "source_system": "east", "amount": 3},
        {"exception_id": "c", "severity": "high", "amount": 7},
    ]
    results = batch(caller, exceptions, limit=1)
    assert results == [caller.match(exception, limit=1) for exception in exceptions]
    assert [result["selected"] and result["selected"]["name"] for result in results] == ["Cold", "East", None]


def test_an_invalid_exception_gets_a_problem_in_its_place(caller, author):
    author.publish("All", {"match": {}})
    good = {"exception_id": "fine"}
    items = [good, 17, {"exception_id": "b", "amount": []}, {"exception_id": "c", "tenant_id": "dockyard"}, good]
    results = batch(caller, items)
    assert results[0]["selected"]["name"] == results[4]["selected"]["name"] == "All"
    assert [result["status"] for result in results[1:4]] == [422, 422, 403]
    assert results[1]["errors"][0]["pointer"] == "/exceptions/1"
    assert results[2]["errors"][0]["pointer"] == "/exceptions/2/amount"
    assert results[3]["code"] == "tenant_mismatch"


@pytest.mark.parametrize(("count", "code"), [(0, "minItems"), (1001, "maxItems")])
def test_a_batch_has_one_to_a_thousand_exceptions(caller, count, code):
    reply = caller.post("/api/match/batch", {"exceptions": [{"exception_id": "x"}] * count})
    reply.problem(422, "invalid_document")
    assert reply.error("/exceptions")["code"] == code


def test_a_batch_accepts_a_thousand_exceptions_and_a_larger_body(caller):
    padding = {"note": "x" * 2000}
    exceptions = [{"exception_id": f"e{n}", "normalized_context": padding} for n in range(1000)]
    results = batch(caller, exceptions)
    assert [result["exception_id"] for result in results] == [f"e{n}" for n in range(1000)]
