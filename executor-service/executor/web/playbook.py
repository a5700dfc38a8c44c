"""``/api/exceptions/…/playbook``: see it, recalculate it, work through it."""

from __future__ import annotations

from executor.bootstrap import Services
from executor.domain.snapshot import Snapshot
from executor.service_layer import recommend, steps, views
from executor.service_layer.snapshots import load_snapshot
from executor.web.actors import caller, named_in
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
    return _state(call, snapshot)


@api.operation(
    "POST",
    f"{_BASE}/recalculate",
    answers={200: "recalculation"},
    role="operator",
    body="recalculate-request",
    body_optional=True,
)
def recalculate_playbook(call: _Call, exception_id: str) -> Answer:
    """Ask the matcher again. Only a person may leave a playbook in progress, with ``switch``."""
    switch = call.body.get("switch", False)
    identity = call.identity
    if switch and identity.actor_type != "human" and "human" not in identity.may_act_for:
        raise HumanRequired("Only a person may switch away from a playbook in progress.")
    snapshot, changed = recommend.recalculate(
        call.services.store,
        call.services.matcher,
        identity.tenant_id,
        exception_id,
        actor=caller(identity),
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
    body="start-request",
)
def start_playbook(call: _Call, exception_id: str) -> Answer:
    """Start the recommended playbook."""
    actor = named_in(call.body, call.identity)
    snapshot = steps.start(
        call.services.store, call.identity.tenant_id, exception_id, actor, call.services.clock()
    )
    return _state(call, snapshot)


@api.operation(
    "POST",
    _BASE + "/steps/{step_order}/complete",
    answers={200: "playbook-state"},
    role="operator",
    body="complete-request",
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
)
def skip_step(call: _Call, exception_id: str, step_order: int) -> Answer:
    """Skip the current step, giving a reason. Only a person may; a mandatory step cannot be skipped."""
    return _finish(call, exception_id, step_order, "skip", call.body["reason"])


def _finish(call: _Call, exception_id: str, step_order: int, mode: str, notes: str | None) -> Answer:
    step_call = steps.StepCall(
        exception_id=exception_id,
        step_order=step_order,
        actor=named_in(call.body, call.identity),
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
    answer = _state(call, finished.snapshot)
    return Answer({**answer.body, "outcome": finished.outcome})


def _state(call: _Call, snapshot: Snapshot) -> Answer:
    services = call.services
    return Answer(
        views.playbook_state(snapshot, caller(call.identity), services.clock(), services.settings.tool_mode)
    )
