"""What nobody waits for is not worked on: ``X-Request-Deadline`` at the matcher."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.matcher.test_evaluation_budget import FULL, HEAVY, playbooks

import matcher.web.match

pytestmark = pytest.mark.usefixtures("database")

EXCEPTION = {"exception_id": "X-1"}
SLOW = {
    "exceptions": [{"exception_id": f"E{number}", "normalized_context": FULL} for number in range(30)],
    "playbooks": playbooks(10, HEAVY),
}
"""A second or so of work, within the budget of a batch for the most part."""


def within(milliseconds: Any) -> dict[str, str]:
    return {"X-Request-Deadline": str(milliseconds)}


@pytest.mark.parametrize("given", ["0", "60001", "abc", "-5", "1.5", "", "1e3", "9" * 400, "\u00b2"])
def test_a_deadline_that_is_not_allowed_is_refused(caller, given):
    reply = caller.post("/api/match", {"exception": EXCEPTION}, **within(given))
    reply.problem(422, "invalid_query")
    assert reply.error("/header/X-Request-Deadline")["actual"] == given[:80]


def test_who_may_not_call_learns_that_first(caller):
    caller.token = "forged"
    caller.post("/api/match", {"exception": EXCEPTION}, **within("abc")).problem(401, "invalid_token")


@pytest.mark.parametrize("milliseconds", [30_000, 60_000])
def test_a_deadline_that_is_met_changes_nothing(caller, author, milliseconds):
    author.publish("All", {"match": {}})
    body = {"exception": EXCEPTION}
    assert caller.post("/api/match", body, **within(milliseconds)).body == caller.match(EXCEPTION)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(milliseconds=st.integers(1, 60_000), amounts=st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_an_answer_within_the_deadline_is_the_one_without(caller, milliseconds: int, amounts: list[int]):
    exceptions = [{"exception_id": f"E{number}", "amount": amount} for number, amount in enumerate(amounts)]
    body = {"exceptions": exceptions, "playbooks": playbooks(3, {"!": [True]}), "as_of": "2026-05-04T06:30:00Z"}
    reply = caller.post("/api/match/batch", body, **within(milliseconds))
    if reply.status != 504:
        assert reply.body == caller.post("/api/match/batch", body).body
    else:
        reply.problem(504, "deadline_exceeded")
        assert milliseconds < 1_000


def test_work_stops_when_the_deadline_passes(caller):
    def cost(**headers: str) -> tuple[Any, float]:
        started = time.process_time()
        reply = caller.post("/api/match/batch", SLOW, **headers)
        return reply, time.process_time() - started

    reply, whole = cost()
    assert reply.status == 200
    reply, part = cost(**within(100))
    reply.problem(504, "deadline_exceeded")
    assert part < whole / 2


def test_a_request_whose_deadline_passed_before_it_was_complete_is_not_worked_on(caller, monkeypatch):
    def read_slowly(operation: Any, limit: int) -> Any:
        time.sleep(0.02)
        return {"exception": EXCEPTION}

    monkeypatch.setattr("sentinai.web.inputs.read_body", read_slowly)
    monkeypatch.setattr(matcher.web.match, "resolve_match_inputs", lambda *_: pytest.fail("it was worked on"))
    caller.post("/api/match", {"exception": EXCEPTION}, **within(10)).problem(504, "deadline_exceeded")


def test_a_request_that_waited_too_long_for_the_catalogue_is_not_worked_on(caller, monkeypatch):
    resolve = matcher.web.match.resolve_match_inputs

    def resolve_slowly(*given: Any) -> Any:
        time.sleep(0.05)
        return resolve(*given)

    monkeypatch.setattr(matcher.web.match, "resolve_match_inputs", resolve_slowly)
    for path, body in (("match", {"exception": EXCEPTION}), ("match/batch", {"exceptions": [EXCEPTION]})):
        caller.post(f"/api/{path}", body, **within(40)).problem(504, "deadline_exceeded")


def test_a_deadline_ends_with_its_request(caller):
    caller.post("/api/match/batch", SLOW, **within(20)).problem(504, "deadline_exceeded")
    time.sleep(0.03)
    assert caller.match(EXCEPTION)["errors"] == []


def test_one_clause_after_another_is_given_up(author_caller):
    body = {
        "exception": {"exception_id": "X", "normalized_context": FULL},
        "conditions": {"logic": {"and": [{"!!": HEAVY["or"][0]} for _ in range(20)]}},
    }
    author_caller.post("/api/conditions/evaluate", body, **within(5)).problem(504, "deadline_exceeded")


def test_looking_for_warnings_is_given_up(author_caller, author):
    def read(number: int) -> dict[str, Any]:
        return {"glob": [{"var": "exception.exception_type"}, f"*{'ab?' * 60}{number}*"]}

    for number in range(30):
        author.publish(f"P{number}", {"logic": read(number)})
    body = {"conditions": {"logic": {"and": [read(1_000 + number) for number in range(100)]}}}
    assert author_caller.post("/api/conditions/validate", body).body["valid"]
    author_caller.post("/api/conditions/validate", body, **within(5)).problem(504, "deadline_exceeded")
