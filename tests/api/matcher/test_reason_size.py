"""What a reason repeats of a long value is bounded, and so is the time to put it into words."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sentinai.documents import strict_json

pytestmark = pytest.mark.usefixtures("database")

LONG = "x" * 60_000
NOTE = {"var": "exception.normalized_context.note"}
LIST = {"var": "exception.normalized_context.list"}


def reading(count: int, rules: list[Any]) -> list[dict[str, Any]]:
    return [
        {"playbook_id": number, "name": f"P{number}", "version": 1, "conditions": {"logic": {"and": rules}}}
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    "rules",
    [
        [{"!==": [NOTE, str(number)]} for number in range(60)],
        [{"!!": [{"cat": [NOTE, str(number)]}]} for number in range(60)],
    ],
    ids=["shapes", "rules"],
)
def test_many_clauses_that_read_a_long_text_do_not_repeat_it(caller, rules):
    given = {"exception": {"exception_id": "X", "normalized_context": {"note": LONG}}, "limit": 10}
    reply = caller.post("/api/match", {**given, "playbooks": reading(10, rules)})
    assert reply.body["matched"] == 10
    assert len(strict_json.encode(reply.body)) < 1_500_000
    reasons = [reason for entry in reply.body["ranked"] for reason in entry["reasons"]]
    assert len(reasons) == 600
    assert all(reason["truncated"] for reason in reasons)


def test_a_long_value_is_given_by_its_beginning(author_caller):
    context = {"note": LONG[:20_000], "list": [{"of": LONG[:20_000], "in": 1}, 2], "exact": "y" * 512}
    given = {
        "exception": {"exception_id": "X", "normalized_context": context},
        "conditions": {
            "logic": {
                "and": [
                    {"===": [NOTE, "x"]},
                    {"===": [LIST, "x"]},
                    {"===": [{"var": "exception.normalized_context.exact"}, "x"]},
                    {"==": [{"cat": [NOTE]}, "x"]},
                ]
            }
        },
    }
    reasons = author_caller.post("/api/conditions/evaluate", given).body["reasons"]
    assert [reason["actual"] for reason in reasons[:3]] == ["x" * 512, [{"of": "x" * 509}], "y" * 512]
    (path,) = reasons[3]["actual"]
    assert LONG.startswith(reasons[3]["actual"][path])
    assert [reason.get("truncated", False) for reason in reasons] == [True, True, False, True]


def test_putting_large_values_into_words_takes_little_time(caller):
    items = [{f"k{number}": number} for number in range(3_500)]
    fields = [{"var": f"f{number}"} for number in range(60)]
    rules = [
        {"!==": [LIST, "a"]},
        {"or": [{"!": [False]}, {"some": [LIST, {"and": fields}]}]},
        {"!": [{"===": [{"var": "exception.normalized_context"}, "a"]}]},
    ]
    context = {"list": items}
    exception = {"exception_id": "X", "normalized_context": context}
    given = {"exception": exception, "limit": 100, "playbooks": reading(2, rules * 3)}
    started = time.process_time()
    reply = caller.post("/api/match", given)
    assert time.process_time() - started < 0.3
    assert reply.body["matched"] == 2
    assert len(strict_json.encode(reply.body)) < 200_000
