"""Findings about the params of a step."""

from __future__ import annotations

import time
from typing import Any

import pytest

from executor.actions.registry import actions, check_params
from executor.domain.model import Packs
from executor.publishing.playbooks import check_playbook

PACKS = Packs(
    domain={
        "domain_name": "Port",
        "exception_types": {"Misplaced": {"context": {"row": {}, "bay": {}}}},
        "tools": {
            "lift": {
                "parameters": {
                    "type": "object",
                    "properties": {"row": {"type": "integer"}, "side": {"enum": ["sea", "land"]}},
                    "required": ["row"],
                    "additionalProperties": False,
                }
            },
            "weigh": {},
        },
        "notification_templates": {
            "found": {"message": "{who} {exception.normalized_context.bay}"},
            "odd": {"message": "{exception.colour}"},
        },
    },
    policy={"approved_tools": ["lift"], "assignable": {"queues": ["berth"]}, "tags": ["bonded"]},
)
NONE = Packs(domain={}, policy={})


@pytest.mark.parametrize(
    ("action_type", "params", "pointer"),
    [
        ("notify", {"message": "x"}, "/channel"),
        ("notify", {"channel": "fax", "message": "x"}, "/channel"),
        ("notify", {"channel": "log"}, ""),
        ("notify", {"channel": "log", "message": "x", "template_id": "found"}, ""),
        ("notify", {"channel": "log", "message": "{nobody}"}, "/message"),
        ("notify", {"channel": "log", "message": "x", "subject": "{"}, "/subject"),
        ("notify", {"channel": "log", "message": "x", "placeholders": {"a": ["{b}"]}}, "/placeholders/a/0"),
        ("assign_owner", {}, ""),
        ("assign_owner", {"queue": "a", "user_id": "b"}, ""),
        ("assign_owner", {"queue": "{exception.owner}"}, "/queue"),
        ("set_status", {"status": "closed"}, "/status"),
        ("set_status", {"status": "open"}, "/status"),
        ("add_comment", {}, ""),
        ("add_comment", {"text_template": "{exception.amount:>99}"}, "/text_template"),
        ("add_comment", {"text": "ok", "mandatory": "yes"}, "/mandatory"),
        ("call_tool", {"payload": {}}, "/tool_id"),
        (
            "call_tool",
            {"tool_id": "lift", "payload_template": {"a/b": {"~": "{x y}"}}},
            "/payload_template/a~1b/~0",
        ),
        ("call_tool", {"tool_id": "lift", "payload": {}, "payload_template": {}}, ""),
    ],
)
def test_what_cannot_be_is_an_error_at_its_place(action_type: str, params: dict[str, Any], pointer: str) -> None:
    errors, _ = check_params(action_type, params, NONE)
    assert errors
    assert all(found.pointer.startswith(pointer) for found in errors)


@pytest.mark.parametrize(
    ("action_type", "params", "pointer", "code"),
    [
        ("assign_owner", {"queue": "quay"}, "/queue", "owner_not_allowed"),
        ("assign_owner", {"user_id": "berth"}, "/user_id", "owner_not_allowed"),
        ("call_tool", {"tool_id": "hoist"}, "/tool_id", "unknown_tool"),
        ("call_tool", {"tool_id": "weigh"}, "/tool_id", "tool_not_approved"),
        ("call_tool", {"tool_id": "lift", "payload": {}}, "/payload/row", "payload_misfit"),
        ("call_tool", {"tool_id": "lift", "payload": {"row": 1, "hue": 2}}, "/payload/hue", "payload_misfit"),
        ("call_tool", {"tool_id": "lift", "payload": {"row": 1, "side": "port"}}, "/payload", "payload_misfit"),
        ("notify", {"channel": "log", "template_id": "lost"}, "/template_id", "unknown_template"),
        ("notify", {"channel": "log", "template_id": "found"}, "/template_id", "unknown_placeholder"),
        ("notify", {"channel": "log", "template_id": "odd"}, "/template_id", "unknown_path"),
        (
            "notify",
            {"channel": "log", "message": "x", "placeholders": {"sla": 1}},
            "/placeholders/sla",
            "reserved_placeholder",
        ),
        ("add_comment", {"text": "{exception.colour}"}, "/text", "unknown_path"),
        ("add_comment", {"text": "{exception.entity.name}"}, "/text", "unknown_path"),
        ("add_comment", {"text": "{exception.normalized_context.rwo}"}, "/text", "unknown_path"),
        ("add_comment", {"text": "{sla.minutes}"}, "/text", "unknown_path"),
        ("add_comment", {"text": "{step.id}"}, "/text", "unknown_path"),
        ("add_comment", {"text": "{actor.name}"}, "/text", "unknown_path"),
        ("add_comment", {"text": "{domain_pack.name}"}, "/text", "unknown_path"),
        ("add_comment", {"text": "{policy_pack.tagz.0}"}, "/text", "unknown_path"),
    ],
)
def test_what_may_not_do_what_was_meant_is_a_warning(
    action_type: str, params: dict[str, Any], pointer: str, code: str
) -> None:
    errors, warnings = check_params(action_type, params, PACKS)
    assert errors == []
    assert (pointer, code) in [(found.pointer, found.code) for found in warnings]


@pytest.mark.parametrize(
    "text",
    [
        "{exception}",
        "{exception.owner} {exception.severity} {exception.sla_deadline}",
        "{exception.normalized_context}",
        "{exception.normalized_context.row.deeper.0}",
        "{exception.normalized_context.policy_tags.0}",
        "{sla.minutes_remaining:.1f} {sla.breached}",
        "{step.order} {step.action_type} {actor.type}",
        "{domain_pack.domain_name} {domain_pack.tools.lift.parameters.required.0}",
        "{policy_pack.tenant_id} {policy_pack.tags.7}",
    ],
)
@pytest.mark.parametrize("packs", [PACKS, NONE])
def test_a_path_that_may_have_a_value_causes_no_warning(text: str, packs: Packs) -> None:
    errors, warnings = check_params("add_comment", {"text": text}, packs)
    assert (list(errors), list(warnings)) == ([], [])


def test_without_packs_nothing_of_them_is_doubted() -> None:
    for params in ({"text": "{domain_pack.x} {policy_pack.y} {exception.normalized_context.z}"},):
        assert check_params("add_comment", params, NONE) == ([], [])
    assert check_params("call_tool", {"tool_id": "any", "payload": {"x": 1}}, NONE) == ([], [])
    assert check_params("assign_owner", {"queue": "any"}, NONE) == ([], [])


def test_a_near_name_is_suggested() -> None:
    _, (found,) = check_params("add_comment", {"text": "{exception.sevrity}"}, NONE)
    assert "'severity'" in str(found.hint)


def test_a_payload_of_placeholders_is_given_the_benefit_of_the_doubt() -> None:
    payload = {"row": "{exception.normalized_context.row}", "side": "{exception.normalized_context.bay}"}
    _, warnings = check_params("call_tool", {"tool_id": "lift", "payload_template": payload}, PACKS)
    assert list(warnings) == []


@pytest.mark.parametrize("action_type", list(actions()))
def test_a_blocked_action_is_doubtful(action_type: str) -> None:
    params = {
        "notify": {"channel": "log", "message": "x"},
        "assign_owner": {"queue": "berth"},
        "set_status": {"status": "resolved"},
        "add_comment": {"text": "x"},
        "call_tool": {"tool_id": "lift", "payload": {"row": 2}},
    }[action_type]
    blocked = Packs(domain=PACKS.domain, policy={**PACKS.policy, "blocked_actions": [action_type]})
    assert check_params(action_type, params, PACKS) == ([], [])
    _, warnings = check_params(action_type, params, blocked)
    assert [found.code for found in warnings] == ["action_blocked"]


def test_a_blocked_tool_is_doubtful() -> None:
    blocked = Packs(domain=PACKS.domain, policy={"approved_tools": ["lift"], "blocked_actions": ["lift"]})
    _, warnings = check_params("call_tool", {"tool_id": "lift", "payload": {"row": 2}}, blocked)
    assert [found.code for found in warnings] == ["tool_blocked"]


def test_a_hint_lists_only_the_first_of_many_known_names() -> None:
    many = {f"attribute {number}": {} for number in range(5_000)}
    domain = {"exception_types": {"T": {"context": many}}, "tools": many, "notification_templates": many}
    packs = Packs(domain={"domain_name": "Quay", **domain}, policy={})
    for action_type, params in (
        ("add_comment", {"text": "{exception.normalized_context.zzz}"}),
        ("notify", {"channel": "log", "template_id": "zzz"}),
    ):
        (warning,) = check_params(action_type, params, packs)[1]
        assert len(warning.hint or "") < 2_000


@pytest.mark.parametrize("known", [300, 3_000])
def test_checking_many_placeholders_takes_bounded_time_and_space(known: int) -> None:
    attributes = {f"{('abcdefgh' * 3)[number % 8 :]}{number}": {} for number in range(known)}
    packs = Packs(domain={"domain_name": "Quay", "exception_types": {"T": {"context": attributes}}}, policy={})
    text = "".join(f"{{exception.normalized_context.{('abcdefgh' * 3)[each % 8 :]}x{each}}}" for each in range(70))
    steps = [
        {"name": f"S{number}", "action_type": "add_comment", "params": {"text": text}} for number in range(100)
    ]
    started = time.process_time()
    warnings = check_playbook({"name": "P", "conditions": {"match": {}}, "steps": steps}, packs)
    assert time.process_time() - started < 2
    assert 100 <= len(warnings) < 300
