"""``/api/exceptions/…/playbook``: see it, recalculate it, work through it."""

from __future__ import annotations

from executor.bootstrap import Services
from executor.domain.model import Actor
from executor.domain.snapshot import Snapshot
from executor.service_layer import recommend, steps, views
from executor.service_layer.snapshots import load_snapshot
from executor.web.actors import ACTOR_HEADERS, acting, caller
from sentinai.problems import HumanRequired
from sentinai.telemetry import OUTCOMES
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api(
    "Playbook of an exception", "Start the recommended playbook, finish its steps, recalculate it."
)
_Call = Call[Services]
_BASE = "/api/exceptions/{exception_id}/playbook"


@api.operation("GET", _BASE, answers={200: "playbook-state"}, role="viewer")
def get_playbook_state(call: _Call, exception_id: str) -> Answer:
    """Get an exception's playbook, the state of each step, and the reasons for the recommendation."""
    with call.services.store.read(call.identity.tenant_id) as tx:
        snapshot = load_snapshot(tx, exception_id)
    return _state(call, snapshot, caller(call.identity))


@api.operation(
    "POST",
    f"{_BASE}/recalculate",
    answers={200: "recalculation"},
    role="operator",
    body="recalculate-request",
    body_optional=True,
    request_headers=ACTOR_HEADERS,
)
def recalculate_playbook(call: _Call, exception_id: str) -> Answer:
    """Ask the matcher again. Only a person may leave a playbook in progress, with ``switch``."""
    switch = call.body.get("switch", False)
    actor = acting(call.identity, call.headers, call.body)
    if switch and actor.actor_type != "human":
        raise HumanRequired("Only a person may switch away from a playbook in progress.")
    snapshot, changed = recommend.recalculate(
        call.services.store,
        call.services.matcher,
        call.identity.tenant_id,
        exception_id,
        actor=actor,
        now=call.services.clock(),
        trigger="switched" if switch else "requested",
        switch=switch,
    )
    return Answer(views.recalculation(snapshot, changed))


@api.operation(
    "POST",
    f"{_BASE}/start",
    answers={200: "playbook-state"},
    role="operator",
    body="actor-request",
    body_optional=True,
    request_headers=ACTOR_HEADERS,
)
def start_playbook(call: _Call, exception_id: str) -> Answer:
    """Start the recommended playbook."""
    actor = acting(call.identity, call.headers, call.body)
    snapshot = steps.start(
        call.services.store, call.identity.tenant_id, exception_id, actor, call.services.clock()
    )
    return _state(call, snapshot, actor)


@api.operation(
    "POST",
    _BASE + "/steps/{step_order}/complete",
    answers={200: "playbook-state"},
    role="operator",
    body="complete-request",
    body_optional=True,
    request_headers=ACTOR_HEADERS,
)
def complete_step(call: _Call, exception_id: str, step_order: int) -> Answer:
    """Complete the current step: carry it out, or attest that it was done elsewhere."""
    return _finish(call, exception_id, step_order, call.body.get("mode", "execute"), call.body.get("notes"))


@api.operation(
    "POST",
    _BASE + "/steps/{step_order}/skip",
    answers={200: "playbook-state"},
    role="operator",
    body="skip-request",
    request_headers=ACTOR_HEADERS,
)
def skip_step(call: _Call, exception_id: str, step_order: int) -> Answer:
    """Skip the current step, giving a reason. Only a person may; a mandatory step cannot be skipped."""
    return _finish(call, exception_id, step_order, "skip", call.body["reason"])


def _finish(call: _Call, exception_id: str, step_order: int, mode: str, notes: str | None) -> Answer:
    step_call = steps.StepCall(
        exception_id=exception_id,
        step_order=step_order,
        actor=acting(call.identity, call.headers, call.body),
        mode=mode,
        notes=notes,
        playbook_id=call.body.get("playbook_id"),
    )
    services = call.services
    finished = steps.finish(
        services.store,
        call.identity.tenant_id,
        step_call,
        services.clock(),
        services.settings.tool_mode,
    )
    OUTCOMES.labels(mode, finished.outcome).inc()
    answer = _state(call, finished.snapshot, step_call.actor)
    return Answer({**answer.body, "outcome": finished.outcome})


def _state(call: _Call, snapshot: Snapshot, actor: Actor) -> Answer:
    services = call.services
    return Answer(views.playbook_state(snapshot, actor, services.clock(), services.settings.tool_mode))
