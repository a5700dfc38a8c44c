"""The five actions: what doing a step comes to, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.values import NO_PACKS, NOON, PERSON, context, playbook, record, step

from executor.actions.base import Plan, StepContext
from executor.actions.registry import action_of, actions, plan_step
from executor.domain.model import Actor, Packs
from sentinai.documents.schemas import check
from sentinai.policy import effect_of
from sentinai.problems import (
    IllegalTransition,
    InvalidDocument,
    OwnerNotAllowed,
    Problem,
    TemplateUnresolved,
    ToolNotAllowed,
)
from sentinai.templates import render

LIFT = Packs(
    domain={
        "tools": {"lift": {"parameters": {"row": {"type": "integer", "required": True}, "note": "string"}}},
        "notification_templates": {"found": {"subject": "Box {exception.entity}", "message": "{who}: row {row}"}},
    },
    policy={"approved_tools": ["lift"], "assignable": {"queues": ["berth-4"], "users": ["odile"]}},
)
ROW = {"row": "{exception.normalized_context.row}"}


def planned(action_type: str, *, packs: Packs = LIFT, **params: Any) -> Plan:
    return plan_step(context(step(action_type, **params), packs=packs))


def test_these_five_are_found_and_nothing_else() -> None:
    effects = {name: effect_of(name) for name in actions()}
    assert effects == {
        "notify": "read_only",
        "assign_owner": "changes_exception",
        "set_status": "changes_exception",
        "add_comment": "changes_exception",
        "call_tool": "external",
    }


EXAMPLES = [
    ("notify", {"channel": "sms", "message": "Row {exception.normalized_context.row}", "group": "yard"}),
    ("notify", {"channel": "log", "template_id": "found", "placeholders": {"who": "{actor.id}", "row": 3}}),
    ("assign_owner", {"queue": "berth-4"}),
    ("assign_owner", {"user_id": "odile"}),
    ("set_status", {"status": "escalated"}),
    ("add_comment", {"text_template": "{step.name} of {exception.exception_id}"}),
    ("add_comment", {"text": "As it stands."}),
    ("call_tool", {"tool_id": "lift", "payload_template": ROW}),
    ("call_tool", {"tool_id": "lift", "payload": {"row": 4}}),
]


@pytest.mark.parametrize("mode", ["log_only", "stub"])
@pytest.mark.parametrize(("action_type", "params"), EXAMPLES)
def test_every_event_is_valid_by_its_schema(action_type: str, params: dict[str, Any], mode: str) -> None:
    by_service = Actor("human", "odile", "yard-ui")
    plan = plan_step(context(step(action_type, **params), packs=LIFT, tool_mode=mode, actor=by_service))
    assert plan.events
    for event in plan.events:
        assert check(f"events/{event.event_type}", event.payload) == []
        assert (event.payload["run"], event.payload["step_order"]) == (3, 1)


@pytest.mark.parametrize(("action_type", "params"), EXAMPLES)
def test_the_same_step_plans_the_same_whenever_it_is_asked(action_type: str, params: dict[str, Any]) -> None:
    given = context(step(action_type, **params), packs=LIFT, tool_mode="stub")
    assert plan_step(given) == plan_step(given)


def test_a_comment_is_rendered() -> None:
    (event,) = planned(
        "add_comment", text_template="{exception.entity}, {{x}}, {sla.minutes_remaining:.0f}"
    ).events
    assert (event.event_type, event.payload["text"]) == ("CommentAdded", "MSKU 604-2, {x}, 120")


def test_a_missing_value_shows_in_a_comment() -> None:
    bare = record(entity=None, sla_deadline=None)
    given = context(
        step("add_comment", text="{exception.entity} {sla.minutes_remaining} {sla.breached}"), record=bare
    )
    assert plan_step(given).result["text"] == "[missing: exception.entity] [missing: sla.minutes_remaining] false"


def test_a_notification_of_the_domain_pack_is_rendered_with_its_placeholders() -> None:
    plan = planned(
        "notify",
        channel="email",
        template_id="found",
        group="yard",
        placeholders={"who": "{actor.id}/{actor.type}", "row": "{exception.normalized_context.row}"},
    )
    (message,) = plan.outbox
    assert message.kind == "notification"
    assert message.payload == {
        "channel": "email",
        "group": "yard",
        "template_id": "found",
        "subject": "Box MSKU 604-2",
        "message": "odile/human: row 9",
    }
    assert plan.result["outbox_id"] == message.outbox_id == plan.events[0].payload["outbox_id"]


def test_a_template_that_the_pack_lost_refuses_the_step() -> None:
    with pytest.raises(TemplateUnresolved, match="gone"):
        planned("notify", channel="log", template_id="gone")


def test_an_owner_is_set_and_the_previous_one_is_logged() -> None:
    given = context(
        step("assign_owner", queue="berth-4"), record=record(owner_kind="user", owner_id="pim"), packs=LIFT
    )
    (event,) = plan_step(given).events
    assert event.payload["previous"] == {"owner_kind": "user", "owner_id": "pim"}
    assert (event.payload["owner_kind"], event.payload["owner_id"]) == ("queue", "berth-4")


def test_the_owner_it_has_is_not_assigned_again_but_one_of_the_same_name_and_another_kind_is() -> None:
    has = record(owner_kind="user", owner_id="odile")
    assert plan_step(context(step("assign_owner", user_id="odile"), record=has)).events == ()
    assert plan_step(context(step("assign_owner", queue="odile"), record=has)).events != ()


@pytest.mark.parametrize("owner", [{"queue": "odile"}, {"user_id": "berth-4"}, {"queue": "berth-5"}])
def test_an_owner_that_is_not_listed_refuses_the_step(owner: dict[str, str]) -> None:
    with pytest.raises(OwnerNotAllowed):
        planned("assign_owner", **owner)


def test_anybody_may_own_where_the_policy_does_not_say() -> None:
    assert planned("assign_owner", packs=NO_PACKS, queue="anywhere").result["changed"] is True


def test_a_status_changes_along_the_transitions_only() -> None:
    (event,) = planned("set_status", status="resolved").events
    assert (event.payload["from"], event.payload["to"], event.payload["cause"]) == (
        "analyzing",
        "resolved",
        "step",
    )
    assert planned("set_status", status="analyzing").events == ()
    with pytest.raises(IllegalTransition):
        planned("set_status", status="open")


@pytest.mark.parametrize(("completed", "allowed"), [(True, True), (False, False)])
def test_an_open_exception_is_resolved_by_a_step_after_another(completed: bool, allowed: bool) -> None:
    given = context(step("set_status", status="resolved"), record=record(status="open"), completed=completed)
    if allowed:
        assert plan_step(given).events
    else:
        with pytest.raises(IllegalTransition):
            plan_step(given)


def test_only_a_person_reopens_by_a_step() -> None:
    given = context(step("set_status", status="analyzing"), record=record(status="resolved"))
    assert plan_step(given).events
    with pytest.raises(IllegalTransition):
        plan_step(replace(given, actor=Actor("system", "clock")))


def test_a_tool_is_logged_only_and_nothing_leaves() -> None:
    plan = planned("call_tool", tool_id="lift", payload_template=ROW)
    assert [event.event_type for event in plan.events] == ["ToolCallRequested", "ToolCallRecorded"]
    assert plan.outbox == ()
    assert plan.events[0].payload["payload"] == {"row": 9}
    assert plan.events[1].payload["outcome"] == "logged"


def test_a_stubbed_tool_leaves_through_the_outbox_under_one_key() -> None:
    given = context(step("call_tool", tool_id="lift", payload_template=ROW), packs=LIFT, tool_mode="stub")
    plan = plan_step(given)
    (message,) = plan.outbox
    assert [event.event_type for event in plan.events] == ["ToolCallRequested"]
    assert (message.kind, message.payload) == ("tool_call", {"tool_id": "lift", "payload": {"row": 9}})
    assert message.idempotency_key == plan.events[0].payload["idempotency_key"]


def test_every_doing_of_a_step_has_a_key_of_its_own() -> None:
    def key(of: StepContext) -> Any:
        return plan_step(replace(of, tool_mode="stub")).result["idempotency_key"]

    one = step("call_tool", tool_id="lift", payload_template=ROW)
    given = context(one, packs=LIFT)
    others = [
        context(one, packs=LIFT, record=record(tenant_id="quay")),
        context(one, packs=LIFT, record=record(exception_id="BOX-78")),
        context(one, packs=LIFT, record=record(playbook_run=4)),
        replace(given, step=replace(one, step_order=2)),
    ]
    assert len({key(given), *map(key, others)}) == 5
    assert key(given) == key(replace(given, actor=Actor("human", "pim"), as_of=NOON.replace(hour=23)))


@pytest.mark.parametrize(
    "packs",
    [
        Packs(domain=LIFT.domain, policy={}),
        Packs(domain=LIFT.domain, policy={"approved_tools": ["hoist"]}),
        Packs(domain=LIFT.domain, policy={"approved_tools": ["lift"], "blocked_actions": ["lift"]}),
        Packs(domain=LIFT.domain, policy={"approved_tools": ["lift"], "blocked_actions": ["call_tool"]}),
        Packs(domain={}, policy=LIFT.policy),
    ],
)
def test_a_tool_that_is_undefined_unapproved_or_blocked_refuses_the_step(packs: Packs) -> None:
    with pytest.raises(ToolNotAllowed):
        planned("call_tool", packs=packs, tool_id="lift", payload_template=ROW)


@pytest.mark.parametrize("payload", [{}, {"row": "{exception.entity}"}, {"row": 1, "colour": "red"}])
def test_a_payload_that_does_not_fit_refuses_the_step(payload: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        planned("call_tool", tool_id="lift", payload_template=payload)


@pytest.mark.parametrize(
    ("payload", "placeholders"),
    [
        ({"row": 1, "note": "{exception.normalized_context.lost}"}, {}),
        ({"row": 1, "note": "It is {what}"}, {"what": "{exception.normalized_context.lost} box"}),
        ({"row": 1, "note": "{what}"}, {"what": {"deep": ["{exception.normalized_context.lost}"]}}),
    ],
)
def test_a_payload_with_a_value_missing_refuses_the_step(payload: Any, placeholders: Any) -> None:
    with pytest.raises(TemplateUnresolved, match=r"exception\.normalized_context\.lost"):
        planned("call_tool", tool_id="lift", payload_template=payload, placeholders=placeholders)


def test_an_extra_name_that_no_payload_uses_need_not_have_a_value() -> None:
    unused = {"what": "{exception.normalized_context.lost}"}
    plan = planned("call_tool", tool_id="lift", payload_template=ROW, placeholders=unused)
    assert plan.result["payload"] == {"row": 9}


def test_an_extra_name_cannot_pass_for_a_root() -> None:
    plan = planned(
        "call_tool",
        tool_id="lift",
        payload_template={"row": 1, "note": "{actor.id}"},
        placeholders={"actor": {"id": "the-boss"}},
    )
    assert plan.result["payload"]["note"] == "odile"


def test_an_extra_name_that_a_root_hides_need_not_have_a_value() -> None:
    plan = planned(
        "call_tool",
        tool_id="lift",
        payload_template={"row": 1, "note": "{actor.id}"},
        placeholders={"actor": "{exception.normalized_context.lost}"},
    )
    assert plan.result["payload"]["note"] == "odile"


def test_a_payload_that_grows_out_of_bounds_is_refused_and_its_preview_says_so() -> None:
    crowded = record(normalized_context={"row": 1, "log": "x" * 50_000})
    payload = {"row": 1, "note": [["{exception.normalized_context.log}"] * 9]}
    given = context(step("call_tool", tool_id="lift", payload_template=payload), packs=LIFT, record=crowded)
    with pytest.raises(InvalidDocument, match=f"{render.MAX_PAYLOAD:,}"):
        plan_step(given)
    assert f"{render.MAX_PAYLOAD:,}" in action_of("call_tool").preview(given)["payload"]


@pytest.mark.parametrize("action_type", ["notify", "add_comment", "set_status", "assign_owner", "call_tool"])
def test_any_action_may_be_blocked(action_type: str) -> None:
    params = dict(EXAMPLES)[action_type]
    packs = Packs(domain=LIFT.domain, policy={**LIFT.policy, "blocked_actions": [action_type]})
    with pytest.raises(ToolNotAllowed, match=action_type):
        planned(action_type, packs=packs, **params)


HOPELESS = record(
    entity=None, sla_deadline=None, source_system=None, normalized_context={}, status="resolved", amount=None
)


@pytest.mark.parametrize(
    ("action_type", "params"),
    [
        *EXAMPLES,
        ("notify", {"channel": "log", "template_id": "gone"}),
        ("call_tool", {"tool_id": "gone", "payload_template": {"a": ["{exception.entity:>9}"]}}),
        ("assign_owner", {"queue": "nowhere"}),
        ("set_status", {"status": "open"}),
    ],
)
@pytest.mark.parametrize("packs", [LIFT, NO_PACKS])
def test_a_preview_never_raises(action_type: str, params: dict[str, Any], packs: Packs) -> None:
    given = context(step(action_type, **params), record=HOPELESS, packs=packs, actor=Actor("agent", "a"))
    assert isinstance(action_of(action_type).preview(given), dict)


def test_the_preview_of_a_tool_call_is_the_call() -> None:
    given = context(step("call_tool", tool_id="lift", payload_template=ROW), packs=LIFT)
    shown = action_of("call_tool").preview(given)
    assert shown == {"tool_id": "lift", "payload": plan_step(given).result["payload"], "mode": "log_only"}


@pytest.mark.parametrize(("action_type", "params"), EXAMPLES)
def test_only_problems_refuse(action_type: str, params: dict[str, Any]) -> None:
    of = step(action_type, **params)
    for status in ("open", "analyzing", "pending_review", "escalated", "resolved"):
        given = context(of, record=replace(HOPELESS, status=status), playbook=playbook(of), actor=PERSON)
        try:
            plan_step(given)
        except Problem as problem:
            assert problem.detail
