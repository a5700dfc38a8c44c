"""Whatever is called in whatever order: the log determines the fields, and each step is finished once in a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.support.casework import AGENT, PERSON, call, new_casework, note, own, step_path, tell, to_status
from tests.support.moods import Moody, saying
from tests.support.threaded import Threaded, Wsgi, threaded_pair

FINISHING = ("PlaybookStepCompleted", "PlaybookStepSkipped")
SEVERITIES = st.sampled_from([None, "low", "medium", "high", "critical"])
STEPS = st.sampled_from(
    [
        note(),
        own(queue="field"),
        own(user_id="ines"),
        tell(),
        call(),
        call(serial="{exception.normalized_context.serial}"),
        to_status("analyzing"),
        to_status("escalated"),
        to_status("resolved"),
        note(requires_approval=True),
        note(mandatory=True),
    ]
)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "severity": SEVERITIES,
        "exception_type": st.sampled_from(["Meter Silent", "Bill Mismatch"]),
        "amount": st.none() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False),
        "entity": st.none()
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
        "normalized_context": st.dictionaries(
            st.sampled_from(["meter", "visits", "serial"]), st.integers(-1, 9) | st.floats(0, 1) | st.just("x-1")
        ),
    },
)


@pytest.fixture
def moody_pair(database_url: str, tmp_path: Path) -> Iterator[tuple[Threaded, Moody]]:
    moods: list[Moody] = []

    def before_matcher(app: Wsgi) -> Wsgi:
        moods.append(Moody(app))
        return moods[0]

    with threaded_pair(database_url, tmp_path, before_matcher, matcher_attempts=1, tool_mode="stub") as pair:
        yield pair, moods[0]


class Office(RuleBasedStateMachine):
    """People, agents, authors and the worker at one tenant's exceptions, with a matcher that comes and goes."""

    exceptions = Bundle("exceptions")

    def __init__(self, pair: Threaded, moody: Moody) -> None:
        super().__init__()
        self.pair, self.moody = pair, moody
        self.moody.mood = None
        self.work = new_casework(pair, pair.clock())
        self.agent = self.work.acting(AGENT)
        self.tags: dict[str, str] = {}
        self.acknowledged: Counter[tuple[str, int, int]] = Counter()

    @initialize(steps=st.lists(STEPS, min_size=2, max_size=4))
    def begin(self, steps: list[Any]) -> None:
        """There is something to work through from the start."""
        self.work.publish("P0", steps, priority=0)

    @rule(target=exceptions, attributes=ATTRIBUTES, minutes=st.none() | st.integers(-60, 300))
    def take_in(self, attributes: dict[str, Any], minutes: int | None) -> str:
        """An exception comes in."""
        deadline = None if minutes is None else (self.pair.clock() + timedelta(minutes=minutes)).isoformat()
        document = self.work.document(**attributes, sla_deadline=deadline)
        created = self.work.admin("POST", "/api/exceptions", document)
        assert created.status_code == 201, created.text
        self.tags[document["exception_id"]] = created.headers["ETag"]
        return str(document["exception_id"])

    @rule(
        steps=st.lists(STEPS, min_size=1, max_size=4),
        number=st.integers(0, 3),
        priority=st.integers(-5, 5),
        severity=SEVERITIES,
        hours=st.none() | st.integers(1, 4),
    )
    def publish(
        self, steps: list[Any], number: int, priority: int, severity: str | None, hours: int | None
    ) -> None:
        """An author publishes."""
        match: dict[str, Any] = {} if severity is None else {"severity": severity}
        if hours is not None:
            match["sla_minutes_remaining_lt"] = 60 * hours
        self.work.publish(f"P{number}", steps, priority=priority, **match)

    @rule(place=st.integers(0, 9))
    def retire(self, place: int) -> None:
        """An author retires."""
        playbooks = self.work.admin.ok("GET", "/api/playbooks")["items"]
        chosen = playbooks[place % len(playbooks)]["playbook_id"]
        self.work.admin.ok("POST", f"/api/playbooks/{chosen}/retire")

    @rule(
        members=st.fixed_dictionaries(
            {},
            optional={
                "approved_tools": st.just([]),
                "blocked_actions": st.sampled_from([["assign_owner"], ["reread_meter"]]),
                "assignable": st.just({"queues": ["field"], "users": []}),
                "status_transitions": st.just({"open": ["escalated"], "escalated": []}),
                "resolve_on_completion": st.booleans(),
                "human_approval_rules": st.just([{"severity": ["high", "critical"]}]),
            },
        )
    )
    def decide_policy(self, members: dict[str, Any]) -> None:
        """The policy changes."""
        self.work.policy(**members)

    @rule(exception_id=exceptions, attributes=ATTRIBUTES.filter(bool))
    def change(self, exception_id: str, attributes: dict[str, Any]) -> None:
        """Attributes change."""
        self._call(exception_id, "PATCH", f"/api/exceptions/{exception_id}", attributes, {200})

    @rule(exception_id=exceptions, switch=st.booleans())
    def recalculate(self, exception_id: str, switch: bool) -> None:
        """Somebody asks anew."""
        path = f"/api/exceptions/{exception_id}/playbook/recalculate"
        self._call(exception_id, "POST", path, {"switch": switch}, {200} if self.moody.mood is None else {503})

    @rule(exception_id=exceptions, actor=st.sampled_from([PERSON, AGENT]))
    def start(self, exception_id: str, actor: dict[str, str]) -> None:
        """Somebody starts."""
        self._call(exception_id, "POST", f"/api/exceptions/{exception_id}/playbook/start", actor, {200, 409})

    @rule(
        exception_id=exceptions,
        actor=st.sampled_from([PERSON, PERSON, AGENT]),
        step=st.sampled_from([0, 0, 0, 1, 2, 4]),
        how=st.sampled_from(["execute", "execute", "attest", "skip"]),
    )
    def finish(self, exception_id: str, actor: dict[str, str], step: int, how: str) -> None:
        """Somebody completes or skips the current step (0) or one by number; then again, which changes nothing."""
        state = self.work.state(exception_id)
        order = step or state["current_step"] or 1
        body = {**actor, **({"reason": "Because."} if how == "skip" else {"mode": how, "notes": "So."})}
        path = step_path(exception_id, order, "skip" if how == "skip" else "complete")
        answer = self._call(exception_id, "POST", path, body, {200, 403, 404, 409, 422})
        if answer is None or answer["outcome"] == "already_completed":
            return
        self.acknowledged[exception_id, answer["run"], order] += 1
        again = self._call(exception_id, "POST", path, body, {200})
        assert again["outcome"] == "already_completed"
        assert self._tag(exception_id) == self.tags[exception_id]

    @rule(exception_id=exceptions)
    def comment(self, exception_id: str) -> None:
        """Somebody comments."""
        self._call(exception_id, "POST", f"/api/exceptions/{exception_id}/comments", {"text": "Hm."}, {201})

    @rule(minutes=st.integers(1, 200))
    def let_time_pass(self, minutes: int) -> None:
        """Time passes and the worker works."""
        self.pair.clock.advance(minutes=minutes)
        self.pair.work(self.work.tenant_id)
        self.tags = {exception_id: self._tag(exception_id) for exception_id in self.tags}

    @rule(away=st.booleans())
    def matcher(self, away: bool) -> None:
        """The matcher goes, or comes back."""
        self.moody.mood = saying("{}", 503) if away else None

    @invariant()
    def every_field_follows_from_the_log(self) -> None:
        """Every chain is whole, and folding the events gives the fields."""
        assert self.pair.verify(self.work.tenant_id).to_json()["faults"] == []

    def teardown(self) -> None:
        """Sequence numbers have no gap; what was acknowledged is in the log, once."""
        finished: Counter[tuple[str, int, int]] = Counter()
        for exception_id in self.tags:
            log = self.work.events(exception_id)
            assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
            for event in log:
                if event["event_type"] in FINISHING:
                    finished[exception_id, event["payload"]["run"], event["payload"]["step_order"]] += 1
        assert finished == self.acknowledged
        assert set(finished.values()) <= {1}

    def _call(self, exception_id: str, method: str, path: str, body: Any, expected: set[int]) -> Any:
        """One call; None where it was refused, and then the exception is as it was."""
        client = self.agent if body.get("actor_type") == "agent" else self.work.admin
        answer = client(method, path, body)
        assert answer.status_code in expected, (answer.status_code, answer.text)
        tag, before = self._tag(exception_id), self.tags[exception_id]
        self.tags[exception_id] = tag
        if answer.ok:
            return answer.json()
        assert tag == before
        return None

    def _tag(self, exception_id: str) -> str:
        return self.work.admin("GET", f"/api/exceptions/{exception_id}").headers["ETag"]


def test_any_sequence_of_calls_leaves_a_log_that_proves_the_state(moody_pair: tuple[Threaded, Moody]):
    budget = settings(max_examples=12, stateful_step_count=25)
    run_state_machine_as_test(lambda: Office(*moody_pair), settings=budget)
