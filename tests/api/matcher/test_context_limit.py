"""A context is small before rules see it."""

from __future__ import annotations

from typing import Any

import pytest

from sentinai.documents import strict_json

pytestmark = pytest.mark.usefixtures("database")


def of_size(size):
    """A context of so many bytes as compact JSON."""
    return {"note": "x" * (size - len('{"note":""}'))}


def test_a_context_up_to_the_limit_is_matched(caller):
    assert caller.match({"normalized_context": of_size(65_536)})["errors"] == []


@pytest.mark.parametrize("context", [of_size(65_537), {"note": "é" * 40_000}])
def test_a_larger_context_is_refused(caller, author_caller, context):
    body = {"exception": {"exception_id": "X", "normalized_context": context}}
    asked = [
        caller.post("/api/match", body),
        author_caller.post("/api/conditions/evaluate", {**body, "conditions": {"match": {}}}),
    ]
    for reply in asked:
        reply.problem(413, "too_large")
        assert reply.error("/exception/normalized_context")["code"] == "context_too_large"


def test_in_a_batch_only_that_exception_is_refused(caller):
    exceptions = [{"exception_id": "a"}, {"exception_id": "b", "normalized_context": of_size(65_537)}]
    results = caller.post("/api/match/batch", {"exceptions": exceptions}).body["results"]
    assert [result.get("code") for result in results] == [None, "too_large"]
    assert results[1]["errors"][0]["pointer"] == "/exceptions/1/normalized_context"


def of_depth(levels):
    """A context of so many levels."""
    context: Any = "end"
    for level in range(levels):
        context = {"in": context} if level % 2 or level == levels - 1 else [context]
    return context


def test_a_context_is_nested_up_to_a_depth(caller, author_caller, author):
    author.publish("All of it", {"logic": {"!==": [{"var": "exception.normalized_context"}, "x"]}})
    found = caller.match({"normalized_context": of_depth(64)})
    assert found["ranked"][0]["reasons"][0]["truncated"]
    body = {"exception": {"exception_id": "X", "normalized_context": of_depth(65)}}
    asked = [
        caller.post("/api/match", body),
        author_caller.post("/api/conditions/evaluate", {**body, "conditions": {"match": {}}}),
    ]
    for reply in asked:
        reply.problem(422, "invalid_document")
        assert reply.error("/exception/normalized_context")["code"] == "context_too_deep"


def test_an_answer_can_be_read_however_deep_the_values_are(caller):
    rule = {"!==": [{"var": "domain_pack.guardrails"}, "x"]}
    playbook = {"playbook_id": 1, "name": "Deep", "version": 1, "conditions": {"logic": rule}}
    pack = {"domain_name": "Port", "guardrails": of_depth(69)}
    reply = caller.post(
        "/api/match/batch", {"exceptions": [{"exception_id": "X"}], "playbooks": [playbook], "domain_pack": pack}
    )
    assert reply.body["results"][0]["selected"]["name"] == "Deep"
    assert strict_json.loads(strict_json.encode(reply.body)) == reply.body
