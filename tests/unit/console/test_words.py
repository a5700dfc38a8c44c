"""How the console puts things: every event in words, reasons told apart, durations and amounts."""

from __future__ import annotations

from typing import Any

import pytest

from executor.web.console import wording
from sentinai.documents.schemas import schemas
from sentinai.problems import IllegalTransition, OwnerNotAllowed, Problem, TemplateUnresolved, ToolNotAllowed

EVENT_TYPES = [name.removeprefix("events/") for name in schemas() if name.startswith("events/")]


def least(schema: dict[str, Any]) -> Any:
    """Some value that a schema allows, with only what it requires."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return least(schema["anyOf"][0])
    kind = schema.get("type")
    first = kind[0] if isinstance(kind, list) else kind
    if first == "object":
        members = {name: schema["properties"][name] for name in schema.get("required", ())}
        return {name: least(member) for name, member in members.items() if isinstance(member, dict)}
    return {"integer": 3, "number": 3.5, "array": [], "boolean": True, "null": None}.get(str(first), "some")


def event_of(event_type: str, **payload: Any) -> dict[str, Any]:
    """An event with as little in it as its schema allows, and what is given."""
    schema = schemas()[f"events/{event_type}"]
    given = {"exception": {"exception_type": "Water Leak"}} if event_type == "ExceptionCreated" else {}
    return {"event_type": event_type, "payload": {**least(schema), **given, **payload}}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_event_has_a_title_in_words(event_type: str) -> None:
    told = wording.told(event_of(event_type))
    assert told["title"] not in ("", event_type)
    assert told["kind"] in ("playbook", "actions", "comments", "record")
    assert isinstance(told["text"], str)


def test_what_went_well_is_said_of_the_end() -> None:
    told = wording.told(
        event_of("FeedbackCaptured", steps_completed=4, steps_skipped=1, sla_kept=False, summary="")
    )
    assert told["text"] == "4 steps completed, 1 skipped; the SLA was missed"


def test_an_owner_is_a_person_or_a_queue() -> None:
    queue = wording.told(event_of("OwnerAssigned", owner_kind="queue", owner_id="night-desk"))
    person = wording.told(event_of("OwnerAssigned", owner_kind="user", owner_id="ines"))
    assert (queue["text"], person["text"]) == ("to the queue night-desk", "to ines")


REASONS = [
    ("region is North", "it is North", ("region is North", "")),
    ("region is not North", "it is South", ("region is not North", "it is South")),
    ("severity is at least high", "it is critical", ("severity is at least high", "it is critical")),
    ("entity is Ox (Leeds)", "it is Ox (Leeds)", ("entity is Ox (Leeds)", "")),
    ("entity is one of A, B", "there is none", ("entity is one of A, B", "there is none")),
    ("policy tags have x", "they are x, y", ("policy tags have x", "they are x, y")),
    ('the rule {">": [2, 1]} holds', "amount is 5 (five)", ('the rule {">": [2, 1]} holds', "amount is 5 (five)")),
]


@pytest.mark.parametrize(("clause", "found", "expected"), REASONS)
def test_a_value_is_told_apart_unless_the_clause_names_it(
    clause: str, found: str, expected: tuple[str, str]
) -> None:
    assert wording.told_apart(f"{clause} ({found})") == expected


def test_a_reason_without_a_value_stays_whole() -> None:
    assert wording.told_apart("applies to every exception") == ("applies to every exception", "")


DURATIONS = [
    (None, "—"),
    (0.4, "under 1s"),
    (59, "59s"),
    (60, "1m 0s"),
    (3599.6, "1h 0m"),
    (90061, "1d 1h"),
]


@pytest.mark.parametrize(("seconds", "words"), DURATIONS)
def test_durations_have_two_units_at_most(seconds: float | None, words: str) -> None:
    assert wording.duration(seconds) == words


def test_amounts_have_their_thousands_apart() -> None:
    shown = [wording.amount(each) for each in (None, 7, 1234567, 9876.5)]
    assert shown == ["—", "7", "1,234,567", "9,876.50"]


@pytest.mark.parametrize("text", ["short", "a\n" * 7 + "b", "x" * 480])
def test_a_short_text_stands_whole(text: str) -> None:
    assert wording.beginning(text) is None


def test_of_a_long_text_the_beginning_is_shown() -> None:
    assert wording.beginning("line\n" * 20) == "\n".join(["line"] * 8)
    assert wording.beginning("word " * 200) == ("word " * 96).rstrip()


GISTS = [
    ("notify", {"channel": "email", "group": "desk", "template_id": "held"}, "By email to desk: template held"),
    ("notify", {"channel": "log", "message": "Seen"}, "By log: Seen"),
    ("assign_owner", {"queue": "night"}, "To the queue night"),
    ("assign_owner", {"user_id": "ines"}, "To ines"),
    ("set_status", {"status": "pending_review"}, "To pending review"),
    ("add_comment", {"text": "Seen."}, "Seen."),
    ("add_comment", {"text_template": "{exception.entity}"}, "{exception.entity}"),
    ("call_tool", {"tool_id": "file_entry"}, "file_entry"),
    ("of_a_later_day", {}, ""),
]


@pytest.mark.parametrize(("action_type", "params", "expected"), GISTS)
def test_a_step_is_told_in_a_line(action_type: str, params: dict[str, Any], expected: str) -> None:
    assert wording.step_summary({"action_type": action_type, "params": params}) == expected


OBSTACLES = [
    (TemplateUnresolved("No value."), "call_tool", "Have what is missing filled in at its source"),
    (TemplateUnresolved("No template."), "notify", "Have the template added to the Domain Pack."),
    (ToolNotAllowed("Not approved."), "call_tool", "Have the packs define it, approve it and not block it."),
    (OwnerNotAllowed("Unknown."), "assign_owner", "Have the owner added to assignable"),
    (IllegalTransition("Not so."), "set_status", "Bring the exception into a status"),
    (Problem("Whatever."), "of_a_later_day", "Have its cause mended."),
]


@pytest.mark.parametrize(("obstacle", "action_type", "mend"), OBSTACLES)
def test_what_would_unblock_a_step_follows_from_what_blocks_it(
    obstacle: Problem, action_type: str, mend: str
) -> None:
    told = wording.unblocking(obstacle, {"action_type": action_type, "mandatory": False})
    assert told.startswith(mend)
    assert told.endswith("Or record the step as done elsewhere, or skip it.")
    assert "skip" not in wording.unblocking(obstacle, {"action_type": action_type, "mandatory": True})


def test_an_event_type_without_a_wording_of_its_own_has_a_title() -> None:
    entry = wording.told({"event_type": "CallbackScheduled", "payload": {}})
    assert (entry["title"], entry["kind"]) == ("Callback scheduled", "record")
