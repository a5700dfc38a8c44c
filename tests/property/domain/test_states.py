"""State from events, for any exception and any way through a playbook."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.values import NOON, PERSON, context, playbook, record, step

from executor.actions.registry import action_of, plan_step
from executor.agents import intake
from executor.domain import fold, hash_chain
from executor.domain.changeset import ChangeSet
from executor.domain.model import Actor, Event, ExceptionRecord, NewEvent
from sentinai.clock import format_time
from sentinai.documents.schemas import check
from sentinai.problems import Problem, ToolNotAllowed

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)).map(format_time)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False))
CONTEXTS = st.dictionaries(WORDS, st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.lists(WORDS)), max_size=3)
SEVERITIES = st.sampled_from(["low", "MEDIUM", "High", "critical"])
DOCUMENTS = st.fixed_dictionaries(
    {"domain": st.just("Port"), "exception_type": st.sampled_from(["Spill", "Misplaced Container"])},
    optional={
        "severity": st.none() | SEVERITIES,
        "source_system": st.none() | WORDS,
        "entity": st.none() | WORDS,
        "amount": st.none() | NUMBERS,
        "owner": st.none() | WORDS,
        "sla_deadline": st.none() | TIMES,
        "created_at": st.none() | TIMES,
        "normalized_context": CONTEXTS,
    },
)


def taken_in(document: dict[str, Any]) -> ExceptionRecord:
    return intake.normalise(document, tenant_id="harbour", exception_id="BOX-1", now=NOON)


def sealed(changeset: ChangeSet) -> list[Event]:
    """The events of a draft as a store that keeps JSON would give them back."""
    events: list[Event] = []
    last = hash_chain.GENESIS
    for seq, added_events in enumerate(changeset.added_events, 1):
        bare = Event(
            event_id=f"e{seq}",
            seq=seq,
            event_type=added_events.event.event_type,
            actor_type=added_events.actor.actor_type,
            actor_id=added_events.actor.actor_id,
            payload=json.loads(json.dumps(added_events.event.payload)),
            created_at=changeset.now,
            prev_hash=last,
            hash="",
        )
        events.append(hash_chain.seal(bare, "harbour", "BOX-1"))
        last = events[-1].hash
    return events


@given(DOCUMENTS)
def test_the_first_event_gives_back_what_was_taken_in(document: dict[str, Any]) -> None:
    of = taken_in(document)
    changeset = ChangeSet(of, PERSON, NOON)
    changeset.add_event(intake.created(of))
    assert check("events/ExceptionCreated", changeset.added_events[0].event.payload) == []
    assert fold.difference(of, sealed(changeset)) == {}
    assert changeset.record == of


@given(DOCUMENTS, DOCUMENTS)
def test_a_creation_is_the_same_just_when_its_content_is(one: dict[str, Any], two: dict[str, Any]) -> None:
    first, second = (intake.created(taken_in(each)).payload["exception"] for each in (one, two))
    assert intake.is_same(first, first, one)
    if two.get("created_at"):
        assert intake.is_same(first, second, two) == (first == second)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "severity": SEVERITIES.map(str.lower),
        "entity": st.none() | WORDS,
        "amount": st.none() | NUMBERS,
        "sla_deadline": st.none() | TIMES,
        "normalized_context": CONTEXTS,
    },
)
EVENTS = st.one_of(
    CHANGES.map(lambda changes: NewEvent("ExceptionUpdated", {"changes": changes, "previous": {}})),
    st.tuples(st.none() | st.integers(1, 9), st.integers(0, 9)).map(
        lambda at: NewEvent("PlaybookRecalculated", {"playbook_id": at[0], "run": at[1]})
    ),
    st.sampled_from([None, 2, 3]).map(lambda at: NewEvent("PlaybookStepCompleted", {"next_step": at})),
    st.sampled_from([None, 2, 3]).map(lambda at: NewEvent("PlaybookStepSkipped", {"next_step": at})),
    st.just(NewEvent("CommentAdded", {"text": "x"})),
)
STEPS = st.one_of(
    st.sampled_from(["analyzing", "pending_review", "escalated", "resolved"]).map(
        lambda status: step("set_status", status=status)
    ),
    st.sampled_from(["queue", "user_id"]).map(lambda kind: step("assign_owner", **{kind: "pim"})),
    st.just(step("add_comment", text="{exception.amount:>9,.2f} {exception.owner} {sla.breached}")),
    st.just(step("notify", channel="log", message="{exception.normalized_context}")),
)


@given(DOCUMENTS, st.lists(EVENTS | STEPS, max_size=8))
def test_the_fields_always_follow_from_the_events(document: dict[str, Any], happening: list[Any]) -> None:
    of = taken_in(document)
    changeset = ChangeSet(of, PERSON, NOON)
    changeset.add_event(intake.created(of))
    for each in happening:
        for event in [each] if isinstance(each, NewEvent) else _events_of(each, changeset):
            changeset.add_event(event)
    events = sealed(changeset)
    assert fold.difference(changeset.record, events) == {}
    assert hash_chain.verify(
        events, "harbour", "BOX-1", expected_seq=len(events), expected_hash=events[-1].hash
    ).valid


def _events_of(of: Any, changeset: ChangeSet) -> tuple[NewEvent, ...]:
    try:
        return plan_step(context(of, record=changeset.record, has_completed_step=True)).events
    except Problem:
        return ()


@given(st.integers(1, 6), st.data())
def test_the_steps_before_the_current_one_are_done_and_those_after_it_wait(
    total: int, data: st.DataObject
) -> None:
    done = data.draw(st.integers(0, total))
    kinds = data.draw(st.lists(st.sampled_from(["Completed", "Skipped"]), min_size=done, max_size=done))
    reason = data.draw(st.none() | st.just(ToolNotAllowed("no crane")))
    of = playbook(*(step("add_comment", order, text="x") for order in range(1, total + 1)))
    events = [_finishing(order, kind) for order, kind in enumerate(kinds, 1)]
    current = done + 1 if done < total else None
    states = fold.step_states(of, record(current_step=current), events, blocked=reason)
    assert [each.status for each in states[:done]] == [kind.lower() for kind in kinds]
    assert all(each.status == "pending" for each in states[done + 1 :])
    if current is not None:
        assert states[done].status == ("pending" if reason is None else "blocked")


def _finishing(order: int, kind: str) -> Event:
    payload = {
        "step_order": order,
        "actor_type": "human",
        "actor_id": "odile",
        "mode": "execute",
        "notes": None,
        "reason": "r",
        "result": None,
    }
    return Event(
        event_id=f"e{order}",
        seq=order,
        event_type=f"PlaybookStep{kind}",
        actor_type="human",
        actor_id="odile",
        payload=payload,
        created_at=NOON,
        prev_hash="",
        hash="",
    )


@given(DOCUMENTS, st.sampled_from(["human", "agent", "system"]), st.timedeltas(timedelta(-9), timedelta(9)))
def test_previews_and_plans_of_any_exception_come_to_an_end_in_words(
    document: dict[str, Any], actor_type: str, past: timedelta
) -> None:
    for action_type, params in (
        ("add_comment", {"text": "{exception.amount:,.2f}{sla.minutes_remaining:05d}{exception.owner:_^20}"}),
        ("notify", {"channel": "log", "message": "{exception.amount:_.1%} {exception.normalized_context:.9}"}),
        ("call_tool", {"tool_id": "t", "payload": {"all": "{exception}", "due": "{exception.sla_deadline}"}}),
    ):
        given_ = context(
            step(action_type, **params),
            record=taken_in(document),
            actor=Actor(actor_type, "a"),
            as_of=NOON + past,
        )
        assert isinstance(action_of(action_type).preview(given_), dict)
        try:
            plan_step(given_)
        except Problem as problem:
            assert problem.detail
