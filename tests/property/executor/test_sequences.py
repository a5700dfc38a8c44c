"""After any sequence of calls, the log determines the fields, each step is finished once in a run, and all agree.

The matcher, the console, the lists and the log name one playbook for an exception, for one reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.support.casework import AGENT, PERSON, call, new_casework, note, own, step_path, tell, to_status
from tests.support.faces import Faces
from tests.support.faults import FaultyApp, saying
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
POLICIES = st.fixed_dictionaries(
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


@pytest.fixture
def moody_pair(database_url: str, tmp_path: Path) -> Iterator[tuple[Threaded, FaultyApp]]:
    faulty_apps: list[FaultyApp] = []

    def before_matcher(app: Wsgi) -> Wsgi:
        faulty_apps.append(FaultyApp(app))
        return faulty_apps[0]

    with threaded_pair(database_url, tmp_path, before_matcher, matcher_attempts=1, tool_mode="stub") as pair:
        yield pair, faulty_apps[0]


class Office(RuleBasedStateMachine):
    """People, agents, authors and the worker at one tenant's exceptions, with a matcher that comes and goes."""

    exceptions = Bundle("exceptions")

    def __init__(self, pair: Threaded, faulty_app: FaultyApp) -> None:
        super().__init__()
        self.pair, self.faulty_app = pair, faulty_app
        self.faulty_app.fault = None
        self.work = new_casework(pair, pair.clock())
        self.agent = self.work.acting(AGENT)
        self.tags: dict[str, str] = {}
        self.acknowledged: Counter[tuple[str, int, int]] = Counter()

    @initialize(target=exceptions, steps=st.lists(STEPS, min_size=2, max_size=4))
    def begin(self, steps: list[Any]) -> Any:
        """There is something to work through from the start, and something to work on."""
        self.work.publish("P0", steps, priority=0)
        return multiple(*(self.create_one(severity=severity) for severity in ("low", "high", None)))

    @rule(target=exceptions, attributes=ATTRIBUTES, minutes=st.none() | st.integers(-60, 300))
    def create_exception(self, attributes: dict[str, Any], minutes: int | None) -> str:
        """An exception comes in."""
        deadline = None if minutes is None else (self.pair.clock() + timedelta(minutes=minutes)).isoformat()
        return self.create_one(**attributes, sla_deadline=deadline)

    def create_one(self, **attributes: Any) -> str:
        document = self.work.document(**attributes)
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

    @rule(number=st.integers(1, 3), members=POLICIES, away=st.booleans())
    def administer(self, number: int, members: dict[str, Any], away: bool) -> None:
        """A playbook is retired, the policy changes, the matcher goes or comes back."""
        listed = self.work.admin.ok("GET", "/api/playbooks", params={"name": f"P{number}"})["items"]
        for playbook in listed[:1]:
            self.work.admin.ok("POST", f"/api/playbooks/{playbook['playbook_id']}/retire")
        self.work.policy(**members)
        self.faulty_app.fault = saying("{}", 503) if away else None

    @rule(exception_id=exceptions, attributes=ATTRIBUTES.filter(bool))
    def change(self, exception_id: str, attributes: dict[str, Any]) -> None:
        """Attributes change."""
        self._call(exception_id, "PATCH", f"/api/exceptions/{exception_id}", attributes, {200})

    @rule(exception_id=exceptions, switch=st.booleans())
    def recalculate(self, exception_id: str, switch: bool) -> None:
        """Somebody asks again."""
        path = f"/api/exceptions/{exception_id}/playbook/recalculate"
        self._call(
            exception_id, "POST", path, {"switch": switch}, {200} if self.faulty_app.fault is None else {503}
        )

    @rule(exception_id=exceptions, actor=st.sampled_from([PERSON, AGENT]))
    def start(self, exception_id: str, actor: dict[str, str]) -> None:
        """Somebody starts."""
        self._call(exception_id, "POST", f"/api/exceptions/{exception_id}/playbook/start", actor, {200, 409})

    @rule(exception_id=exceptions, how=st.sampled_from(["execute", "attest", "skip"]))
    def go_on(self, exception_id: str, how: str) -> None:
        """A person finishes the current step; then again, which changes nothing."""
        order = self.work.state(exception_id)["current_step"] or 1
        answer, again = (self._finish(exception_id, PERSON, order, how) for _ in range(2))
        if answer is not None:
            assert again["outcome"] == "already_completed"

    @rule(exception_id=exceptions)
    def finish_all(self, exception_id: str) -> None:
        """A person finishes what can be finished."""
        while order := self.work.state(exception_id)["current_step"]:
            if self._finish(exception_id, PERSON, order, "execute") is None:
                return

    @rule(
        exception_id=exceptions,
        actor=st.sampled_from([PERSON, AGENT]),
        order=st.integers(1, 4),
        how=st.sampled_from(["execute", "attest", "skip"]),
    )
    def finish_any(self, exception_id: str, actor: dict[str, str], order: int, how: str) -> None:
        """Somebody tries some step."""
        self._finish(exception_id, actor, order, how)

    def _finish(self, exception_id: str, actor: dict[str, str], order: int, how: str) -> Any:
        before = self.work.state(exception_id)
        body = {**actor, **({"reason": "Because."} if how == "skip" else {"mode": how, "notes": "So."})}
        path = step_path(exception_id, order, "skip" if how == "skip" else "complete")
        answer = self._call(exception_id, "POST", path, body, {200, 403, 404, 409, 422})
        if answer is None:
            return None
        if answer["outcome"] == "already_completed":
            assert before["steps"][order - 1]["status"] in ("completed", "skipped")
        else:
            assert order == before["current_step"]
            self.acknowledged[exception_id, answer["run"], order] += 1
        return answer

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

    def teardown(self) -> None:
        """Every field follows from the log, which has no gap; what was acknowledged is in it, once."""
        assert self.pair.verify(self.work.tenant_id).to_json()["faults"] == []
        finished: Counter[tuple[str, int, int]] = Counter()
        for exception_id in self.tags:
            log = self.work.events(exception_id)
            assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
            for event in log:
                if event["event_type"] in FINISHING:
                    finished[exception_id, event["payload"]["run"], event["payload"]["step_order"]] += 1
        assert finished == self.acknowledged
        assert set(finished.values()) <= {1}
        self._ask_all_who_recommend()

    def _ask_all_who_recommend(self) -> None:
        self.faulty_app.fault = None
        self.pair.clock.advance(minutes=1)  # What was deferred is due.
        self.pair.work(self.work.tenant_id)
        faces = Faces.of(self.pair, self.work)
        for exception_id in self.tags:
            faces.agree(exception_id)
        faces.agree_in_files(self.tags)

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


def test_any_sequence_of_calls_leaves_a_log_that_proves_the_state(moody_pair: tuple[Threaded, FaultyApp]):
    # Shrinking would repeat the failure over HTTP for minutes; the steps are reported unshrunk.
    phases = [phase for phase in Phase if phase is not Phase.shrink]
    budget = settings(max_examples=12, stateful_step_count=30, phases=phases)
    run_state_machine_as_test(lambda: Office(*moody_pair), settings=budget)
