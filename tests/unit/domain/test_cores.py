"""Transitions and the hash chain, by the contract."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.domain import hash_chain, transitions
from executor.domain.model import Event, Step
from sentinai.problems import IllegalTransition

STATUSES = ("open", "analyzing", "pending_review", "escalated", "resolved")
LEGAL = {
    *(("open", to) for to in ("analyzing", "pending_review", "escalated")),
    *((a, b) for a in STATUSES[1:4] for b in STATUSES[1:] if a != b),
    ("resolved", "analyzing"),
}


def allowed(current: str, target: str, **about: Any) -> bool:
    given_ = {"actor_type": "human", "has_completed_step": False, "policy_pack": {}, **about}
    try:
        transitions.check(current, target, **given_)
    except IllegalTransition:
        return False
    return True


@pytest.mark.parametrize("current", STATUSES)
@pytest.mark.parametrize("target", STATUSES)
def test_just_these_statuses_follow_each_other(current: str, target: str) -> None:
    assert allowed(current, target) == ((current, target) in LEGAL)


def test_an_open_exception_is_resolved_after_a_completed_step() -> None:
    assert not allowed("open", "resolved")
    assert allowed("open", "resolved", has_completed_step=True)


@pytest.mark.parametrize("actor", ["agent", "system"])
def test_only_people_reopen(actor: str) -> None:
    assert not allowed("resolved", "analyzing", actor_type=actor)


@given(
    st.dictionaries(st.sampled_from(STATUSES), st.lists(st.sampled_from(STATUSES))),
    st.sampled_from(STATUSES),
    st.sampled_from(STATUSES),
    st.booleans(),
)
def test_a_policy_narrows_and_never_widens(
    narrowed: dict[str, list[str]], current: str, target: str, completed: bool
) -> None:
    free = allowed(current, target, has_completed_step=completed)
    bound = allowed(current, target, has_completed_step=completed, policy_pack={"status_transitions": narrowed})
    assert bound == (free and (current not in narrowed or target in narrowed[current]))


def step(action_type: str = "add_comment", *, approval: bool = False, **params: Any) -> Step:
    return Step(
        step_id=1, step_order=1, name="S", action_type=action_type, params=params, requires_approval=approval
    )


PAYLOADS = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5), st.none()),
    max_size=3,
)


def log(payloads: list[dict[str, Any]]) -> list[Event]:
    events: list[Event] = []
    last = hash_chain.GENESIS
    for seq, payload in enumerate(payloads, 1):
        bare = Event(
            event_id=f"e{seq}",
            seq=seq,
            event_type="CommentAdded",
            actor_type="human",
            actor_id="kim",
            payload=payload,
            created_at=datetime(2026, 5, 6, 7, 8, seq % 60, tzinfo=UTC),
            prev_hash=last,
            hash="",
        )
        events.append(hash_chain.seal(bare, "T", "X"))
        last = events[-1].hash
    return events


def checked(events: list[Event], whole: list[Event]) -> hash_chain.ChainCheck:
    return hash_chain.verify(events, "T", "X", expected_seq=len(whole), expected_hash=whole[-1].hash)


@given(st.lists(PAYLOADS, min_size=1, max_size=6), st.data())
def test_any_change_is_found_at_its_place(payloads: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = log(payloads)
    assert checked(whole, whole).valid
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = replace(whole[at], payload={**whole[at].payload, "added": 1})
    assert checked([*whole[:at], changed, *whole[at + 1 :]], whole).first_broken_seq == at + 1
    resealed = hash_chain.seal(changed, "T", "X")
    broken = checked([*whole[:at], resealed, *whole[at + 1 :]], whole).first_broken_seq
    assert broken == min(at + 2, len(whole))
    assert checked([*whole[:at], *whole[at + 1 :]], whole).first_broken_seq == at + 1
    assert checked([*whole[: at + 1], *whole[at:]], whole).first_broken_seq == at + 2
    assert checked(whole[:-1], whole).first_broken_seq == len(whole)


def test_a_log_of_another_exception_or_tenant_is_no_log_of_this_one() -> None:
    whole = log([{"a": 1}])
    for tenant, exception in (("T", "Y"), ("U", "X")):
        found = hash_chain.verify(whole, tenant, exception, expected_seq=1, expected_hash=whole[0].hash)
        assert found.first_broken_seq == 1


def test_the_first_hash_can_be_made_by_hand() -> None:
    (event,) = log([{"b": 1.0, "a": ["é", None]}])
    content = (
        '{"actor_id":"kim","actor_type":"human","created_at":"2026-05-06T07:08:01Z","event_id":"e1",'
        '"event_type":"CommentAdded","exception_id":"X","payload":{"a":["é",null],"b":1},"seq":1,"tenant_id":"T"}'
    )
    assert event.hash == hashlib.sha256(("0" * 64 + content).encode()).hexdigest()


@pytest.mark.parametrize("edge", [2**53 - 1, 2**53, 2**53 + 1, -(2**53), -(2**53) - 1])
def test_integers_at_the_edge_of_a_double_have_forms_of_their_own(edge: int) -> None:
    others = [edge - 1, edge + 1, str(edge), float(edge)]
    assert hash_chain.canonical([edge]) not in {hash_chain.canonical([other]) for other in others if other != edge}


def test_a_large_integer_differs_from_its_text() -> None:
    large = 2**60 + 1
    forms = {
        hash_chain.canonical({"n": value, "m": large}) for value in (large, str(large), f"i{large}", f"s{large}")
    }
    assert len(forms) == 4
