"""The actions by type: every module of this package that defines ``ACTION``; nothing else is needed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import executor.actions
from executor.actions.base import Action, Plan, StepContext
from executor.domain.model import Packs
from sentinai.documents.schemas import check
from sentinai.problems import Finding, ToolNotAllowed


@cache
def actions() -> Mapping[str, Action]:
    """Every action by its type. Called once at start, so that a faulty module stops the start, not a request."""
    names = (module.name for module in pkgutil.iter_modules(executor.actions.__path__))
    modules = [importlib.import_module(f"{executor.actions.__name__}.{name}") for name in names]
    return {module.ACTION.action_type: module.ACTION for module in modules if hasattr(module, "ACTION")}


def action_of(step_type: str) -> Action:
    """The action of a step's type."""
    return actions()[step_type]


def check_params(
    action_type: str, params: Mapping[str, Any], packs: Packs
) -> tuple[Sequence[Finding], Sequence[Finding]]:
    """Errors and warnings about the params of a step before it is published; pointers are into the params."""
    wrong = check(f"actions/{action_type}", params)
    if wrong:
        return wrong, []
    errors, warnings = action_of(action_type).check(params, packs)
    if action_type not in packs.policy.get("blocked_actions", ()):
        return errors, warnings
    message = f"The Policy Pack blocks the action {action_type}; the playbook will not be assigned."
    blocked = Finding("", "action_blocked", message, "Remove it from blocked_actions, or use another action.")
    return errors, [blocked, *warnings]


def plan_step(context: StepContext) -> Plan:
    """The events, messages and result of doing a step now, whatever its action.

    Raises:
        Problem: it would be refused; the message says why.
    """
    action_type = context.step.action_type
    if action_type in context.packs.policy.get("blocked_actions", ()):
        raise ToolNotAllowed(f"The Policy Pack blocks the action {action_type}.")
    return action_of(action_type).plan(context)
