"""The entries of the console's timeline."""

from __future__ import annotations

from typing import Any

import pytest

from executor.web.console.timeline import EVENT_KINDS, event_entry
from sentinai.documents.schemas import schemas

EVENT_TYPES = [name.removeprefix("events/") for name in schemas() if name.startswith("events/")]


def smallest(schema: dict[str, Any]) -> Any:
    """Some value that a schema allows, with only what it requires."""
    if "$ref" in schema:
        return smallest(schemas()["common"]["$defs"][schema["$ref"].rpartition("/")[2]])
    if schema.get("format") == "date-time":
        return "2026-04-14T07:15:00Z"
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0])
    kind = schema.get("type")
    first = kind[0] if isinstance(kind, list) else kind
    if first == "object":
        members = {name: schema["properties"][name] for name in schema.get("required", ())}
        return {name: smallest(member) for name, member in members.items() if isinstance(member, dict)}
    return {"integer": 3, "number": 3.5, "array": [], "boolean": True, "null": None}.get(str(first), "some")


def event_of(event_type: str, **payload: Any) -> dict[str, Any]:
    """An event with as little in it as its schema allows, and the given members."""
    schema = schemas()[f"events/{event_type}"]
    given = {"exception": {"exception_type": "Water Leak"}} if event_type == "ExceptionCreated" else {}
    return {"event_type": event_type, "payload": {**smallest(schema), **given, **payload}}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_event_type_has_a_title(event_type: str) -> None:
    entry = event_entry(event_of(event_type))
    assert entry["title"] not in ("", event_type)
    assert entry["kind"] in EVENT_KINDS
    assert isinstance(entry["text"], str)


def test_an_unknown_event_type_is_shown_by_its_name() -> None:
    entry = event_entry({"event_type": "DeadlineMovedAgain", "payload": {"called_by": "bridge"}})
    assert (entry["title"], entry["text"], entry["called_by"]) == ("Deadline moved again", "", "bridge")


def test_feedback_is_summarised_from_its_fields() -> None:
    event = event_of("FeedbackCaptured", steps_completed=4, steps_skipped=1, sla_kept=False, summary="")
    assert event_entry(event)["text"] == "4 steps completed, 1 skipped; SLA missed"


def test_an_owner_is_a_person_or_a_queue() -> None:
    queue = event_entry(event_of("OwnerAssigned", owner_kind="queue", owner_id="night-desk"))
    person = event_entry(event_of("OwnerAssigned", owner_kind="user", owner_id="ines"))
    assert (queue["text"], person["text"]) == ("to the queue night-desk", "to ines")
