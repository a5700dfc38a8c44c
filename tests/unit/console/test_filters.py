"""The filters of the console's templates."""

from __future__ import annotations

from typing import Any

import pytest

from executor.web.console import filters
from sentinai.conditions.explanation.explain import explain
from sentinai.problems import (
    Finding,
    IllegalTransition,
    OwnerNotAllowed,
    Problem,
    TemplateUnresolved,
    ToolNotAllowed,
)

CONTEXT = {"exception": {"entity": "Ox (Leeds)", "amount": 12}, "policy": {"tags": ["x", "y"]}}
REASONS = [
    ({"===": [{"var": "exception.entity"}, "Ox (Leeds)"]}, ""),
    ({"===": [{"var": "exception.entity"}, "Hull"]}, "actual: Ox (Leeds)"),
    ({">": [{"var": "exception.amount"}, 10]}, "actual: 12"),
    ({">": [{"var": "exception.amount"}, 20]}, "actual: 12"),
]


@pytest.mark.parametrize(("logic", "observed"), REASONS)
def test_what_was_observed_is_shown_unless_the_condition_names_it(logic: Any, observed: str) -> None:
    reason = explain(logic, CONTEXT).to_json()
    assert filters.split_reason(reason) == (reason["condition"], observed)


def test_an_evaluation_error_is_shown_instead_of_a_value() -> None:
    reason = explain({"+": [{"var": "exception.entity"}, 1]}, CONTEXT).to_json()
    assert reason["error"]
    assert filters.split_reason(reason) == (reason["condition"], f"evaluation failed: {reason['error']}")


def test_a_reason_stored_without_fields_is_shown_as_its_text() -> None:
    assert filters.split_reason({"text": "region is North (it is North)"}) == ("region is North (it is North)", "")


DURATIONS = [
    (None, "—"),
    (0.4, "under 1s"),
    (59, "59s"),
    (60, "1m 0s"),
    (3599.6, "1h 0m"),
    (90061, "1d 1h"),
]


@pytest.mark.parametrize(("seconds", "expected"), DURATIONS)
def test_durations_have_two_units_at_most(seconds: float | None, expected: str) -> None:
    assert filters.duration(seconds) == expected


def test_amounts_have_thousands_separators() -> None:
    shown = [filters.amount(each) for each in (None, 7, 1234567, 9876.5)]
    assert shown == ["—", "7", "1,234,567", "9,876.50"]


def test_identifiers_become_labels() -> None:
    assert filters.label("pending_review") == "Pending review"


@pytest.mark.parametrize("text", ["short", "a\n" * 7 + "b", "x" * 480])
def test_a_short_text_has_no_excerpt(text: str) -> None:
    assert filters.excerpt(text) is None


def test_the_excerpt_of_a_long_text_is_its_beginning() -> None:
    assert filters.excerpt("line\n" * 20) == "\n".join(["line"] * 8)
    assert filters.excerpt("word " * 200) == ("word " * 96).rstrip()


SUMMARIES = [
    ("notify", {"channel": "email", "group": "desk", "template_id": "held"}, "By email to desk: template held"),
    ("notify", {"channel": "log", "message": "Seen"}, "By log: Seen"),
    ("assign_owner", {"queue": "night"}, "To the queue night"),
    ("assign_owner", {"user_id": "ines"}, "To ines"),
    ("set_status", {"status": "pending_review"}, "To pending review"),
    ("add_comment", {"text": "Seen."}, "Seen."),
    ("add_comment", {"text_template": "{exception.entity}"}, "{exception.entity}"),
    ("call_tool", {"tool_id": "file_entry"}, "file_entry"),
    ("from_a_later_version", {}, ""),
]


@pytest.mark.parametrize(("action_type", "params", "expected"), SUMMARIES)
def test_a_step_is_summarised_in_one_line(action_type: str, params: dict[str, Any], expected: str) -> None:
    assert filters.step_summary({"action_type": action_type, "params": params}) == expected


def test_a_step_of_an_unknown_action_still_has_an_icon_and_a_verb() -> None:
    step = {"action_type": "from_a_later_version", "params": {}}
    assert (filters.action_icon(step), filters.action_verb(step)) == ("playbook", "do it")


NO_TEMPLATE = Finding("/template_id", "unknown_template", "No template.")
OBSTACLES = [
    (TemplateUnresolved("No value."), "filled in at its source"),
    (TemplateUnresolved("No template.", findings=[NO_TEMPLATE]), "added to the Domain Pack"),
    (ToolNotAllowed("Not approved."), "approved in the Policy Pack"),
    (OwnerNotAllowed("Unknown."), "added to assignable"),
    (IllegalTransition("Not allowed."), "Change the status first"),
    (Problem("Other."), "Ask for the cause to be removed."),
]


@pytest.mark.parametrize(("obstacle", "remedy"), OBSTACLES)
def test_the_remedy_follows_from_the_codes_of_the_obstacle(obstacle: Problem, remedy: str) -> None:
    assert remedy in filters.remedy(obstacle, {"mandatory": False})


def test_only_a_step_that_is_not_mandatory_can_be_skipped() -> None:
    obstacle = ToolNotAllowed("Not approved.")
    assert filters.remedy(obstacle, {"mandatory": False}).endswith(
        "Or record the step as done elsewhere, or skip it."
    )
    assert "skip" not in filters.remedy(obstacle, {"mandatory": True})
