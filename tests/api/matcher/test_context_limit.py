"""A context is small before rules see it."""

from __future__ import annotations

import pytest

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
