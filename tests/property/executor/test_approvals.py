"""An approval that was needed at any moment of a run is needed to its end, whatever agents and people change.

The oracle knows the rules as Python functions, looks at the exception itself after every call and at every minute
between two, and remembers which steps of the run needed a person. Agents may finish the others, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.support.casework import PERSON, call, new_casework, note, own, step_path, to_status
from tests.support.pair import Client
from tests.support.threaded import Threaded, threaded_pair

from sentinai.identity import ROLES

Holds = Callable[[dict[str, Any], float], bool]
"""Whether a rule holds for an exception, given the minutes until its deadline."""


def _context(name: str) -> dict[str, str]:
    return {"var": f"exception.normalized_context.{name}"}


def _visits_hold(exception: dict[str, Any], minutes: float) -> bool:
    """Whether the meter was visited more than three times; what is no number counts as held."""
    visits = exception["normalized_context"]["visits"]
    return not isinstance(visits, int) or visits > 3


RULES: list[tuple[dict[str, Any], Holds]] = [
    ({"severity": ["High", "critical"]}, lambda exception, minutes: exception["severity"] in ("high", "critical")),
    ({"exception_type": "bill mismatch"}, lambda exception, minutes: "Bill" in exception["exception_type"]),
    ({"amount_gte": 500}, lambda exception, minutes: exception["amount"] >= 500),
    ({"when": {">": [_context("visits"), 3]}}, _visits_hold),
    (
        {"when": {"in": ["vip", {"var": "policy.tags"}]}},
        lambda exception, minutes: exception["normalized_context"]["grade"] == 1,
    ),
    ({"when": {"match": {"sla_minutes_remaining_lt": 90}}}, lambda exception, minutes: minutes < 90),
    (
        {
            "when": {
                "and": [
                    {"<": [{"var": "sla.minutes_remaining"}, 165]},
                    {">": [{"var": "sla.minutes_remaining"}, 150]},
                ]
            }
        },
        lambda exception, minutes: 150 < minutes < 165,
    ),
    (
        {"when": {"!": {"var": "sla.breached"}}, "amount_gte": 300},
        lambda e, minutes: minutes >= 0 and e["amount"] >= 300,
    ),
]
TAGS = [{"tag": "vip", "when": {"==": [_context("grade"), 1]}}]
NAMED_STEPS: list[dict[str, Any]] = [
    {},
    {"action_type": "add_comment"},
    {"action_type": ["assign_owner", "set_status"]},
]
"""What a rule says of the steps."""
STEPS = st.sampled_from([note(), note(requires_approval=True), own(queue="field"), to_status("analyzing"), call()])
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "severity": st.sampled_from(["low", "medium", "high", "critical"]),
        "exception_type": st.sampled_from(["Meter Silent", "Bill Mismatch"]),
        "amount": st.sampled_from([1, 299, 300, 499.5, 500, 8000]),
        "normalized_context": st.fixed_dictionaries(
            {"visits": st.sampled_from([2, 3, 4, "often"]), "grade": st.sampled_from([1, 2])}
        ),
        "sla_deadline": st.sampled_from([60, 200, 300, 2000]),
    },
).filter(bool)
POLICY = st.lists(st.tuples(st.integers(0, len(RULES) - 1), st.sampled_from(NAMED_STEPS)), max_size=3)
ROLE_SETS = [(role,) for role in ROLES] + [("operator", "author"), ROLES]
CALLERS = st.sampled_from(
    [("human", ("admin",))] + [(kind, roles) for kind in ("agent", "system") for roles in ROLE_SETS]
)


@dataclass
class Run:
    """One run of a playbook: the actions of its steps, and those that needed a person at some moment of it."""

    key: tuple[Any, ...] = ()
    actions: dict[int, str] = field(default_factory=dict)
    needed: set[int] = field(default_factory=set)


class Approvals(RuleBasedStateMachine):
    """Agents of every role set, people and time at one exception, whose policy changes too."""

    def __init__(self, pair: Threaded) -> None:
        super().__init__()
        self.pair = pair
        self.work = new_casework(pair, pair.clock())
        self.clients: dict[tuple[str, tuple[str, ...]], Client] = {}
        self.policy: list[tuple[Holds, dict[str, Any]]] = []
        self.run = Run()
        self.document: dict[str, Any] | None = None

    @initialize(
        steps=st.lists(STEPS, min_size=2, max_size=4),
        others=st.lists(STEPS, min_size=1, max_size=3),
        chosen=POLICY,
    )
    def begin(self, steps: list[Any], others: list[Any], chosen: list[tuple[int, dict[str, Any]]]) -> None:
        """There is an exception with a playbook, and another for the other type that comes first there."""
        self.work.publish("For any", steps)
        self.work.publish("For bills", others, exception_type="Bill Mismatch", priority=1)
        self.change_policy(chosen)

    @rule(chosen=POLICY)
    def change_policy(self, chosen: list[tuple[int, dict[str, Any]]]) -> None:
        """A person changes the approval rules."""
        rules = [{**RULES[number][0], **steps} for number, steps in chosen]
        self.work.policy(human_approval_rules=rules, tag_rules=TAGS)
        self.policy = [(RULES[number][1], steps) for number, steps in chosen]
        if self.document is None or self._current() is None:
            self._take_another()
        self._look()

    @rule(changes=CHANGES, who=CALLERS)
    def change(self, changes: dict[str, Any], who: tuple[str, tuple[str, ...]]) -> None:
        """Somebody changes what rules read."""
        document = dict(changes)
        if "sla_deadline" in changes:
            document["sla_deadline"] = self._due(changes["sla_deadline"])
        if "normalized_context" in changes:
            document["normalized_context"] = {**changes["normalized_context"], "meter": "EM-1"}
        self._client(who)("PATCH", f"/api/exceptions/{self.exception_id}", document)
        self._look()

    @rule(who=CALLERS, switch=st.booleans())
    def recalculate(self, who: tuple[str, tuple[str, ...]], switch: bool) -> None:
        """Somebody asks for the recommendation again."""
        path = f"/api/exceptions/{self.exception_id}/playbook/recalculate"
        self._client(who)("POST", path, {"switch": switch})
        self._look()

    @rule(minutes=st.sampled_from([1, 20, 50, 100, 200]))
    def let_time_pass(self, minutes: int) -> None:
        """Time passes, and the worker works."""
        for _ in range(minutes):
            self.pair.clock.advance(minutes=1)
            self._note(self.pair.clock())
        self.pair.work(self.work.tenant_id)
        self._look()

    @rule(order=st.none() | st.integers(1, 4), who=CALLERS)
    def finish(self, order: int | None, who: tuple[str, tuple[str, ...]]) -> None:
        """Somebody tries to complete a step, the current one mostly."""
        self._finish(order or self._current() or 1, who)

    @rule(who=CALLERS)
    def finish_all(self, who: tuple[str, tuple[str, ...]]) -> None:
        """Somebody tries to complete the rest."""
        while order := self._current():
            if not self._finish(order, who):
                return

    def _finish(self, order: int, who: tuple[str, tuple[str, ...]]) -> bool:
        was_needed, current = order in self.run.needed, self._current()
        body = PERSON if who[0] == "human" else {"actor_type": who[0], "actor_id": "sweeper"}
        answer = self._client(who)("POST", step_path(self.exception_id, order), body)
        done = answer.ok and answer.json()["outcome"] == "completed"
        if who[0] != "human" and order == current:
            refused = answer.status_code == 403 and answer.json()["code"] == "human_required"
            assert not (done and was_needed), f"step {order} was finished without a person"
            assert refused <= was_needed, f"step {order} needs nobody: {answer.text}"
        self._look()
        return done

    def _take_another(self) -> None:
        """Go on with a new exception."""
        self.exception_id = self.work.create_exception(
            amount=250,
            normalized_context={"visits": 2, "grade": 2, "meter": "EM-1"},
            sla_deadline=self._due(400),
        )

    def _look(self) -> None:
        """See which steps need a person now, and let a second pass."""
        self.document = self.work.admin.ok("GET", f"/api/exceptions/{self.exception_id}")
        key = (self.exception_id, self.document["current_playbook_id"], self.document["playbook_run"])
        if key != self.run.key:
            steps = self.work.admin.ok("GET", f"/api/playbooks/{key[1]}")["steps"]
            of_step = {order: step["action_type"] for order, step in enumerate(steps, 1)}
            asks = {order for order, step in enumerate(steps, 1) if step["requires_approval"]}
            self.run = Run(key, of_step, asks | {order for order in of_step if of_step[order] == "call_tool"})
        self._note(self.pair.clock())
        self._note(self.pair.clock.advance(seconds=1))

    def _note(self, now: datetime) -> None:
        assert self.document is not None
        minutes = (datetime.fromisoformat(self.document["sla_deadline"]) - now).total_seconds() / 60
        for holds, named in self.policy:
            if holds(self.document, minutes):
                wanted = named.get("action_type", self.run.actions.values())
                self.run.needed |= {order for order, action in self.run.actions.items() if action in wanted}

    def _current(self) -> int | None:
        current: int | None = self.work.state(self.exception_id)["current_step"]
        return current

    def _client(self, who: tuple[str, tuple[str, ...]]) -> Client:
        kind, roles = who
        if kind == "human":
            return self.work.admin
        if who not in self.clients:
            self.clients[who] = self.work.acting({"actor_type": kind, "actor_id": "sweeper"}, *roles)
        return self.clients[who]

    def _due(self, minutes: int) -> str:
        return (self.pair.clock() + timedelta(minutes=minutes)).isoformat()


@pytest.fixture
def pair(database_url: str, tmp_path: Path) -> Iterator[Threaded]:
    with threaded_pair(database_url, tmp_path, tool_mode="stub") as threaded:
        yield threaded


def test_what_needed_a_person_once_is_finished_by_one(pair: Threaded):
    # Shrinking would repeat the failure over HTTP for minutes; the steps are reported unshrunk.
    phases = [phase for phase in Phase if phase is not Phase.shrink]
    budget = settings(max_examples=40, stateful_step_count=30, phases=phases)
    run_state_machine_as_test(lambda: Approvals(pair), settings=budget)
