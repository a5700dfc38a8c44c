"""The registry of actions: a module of this package that defines ``ACTION`` is one; nothing else is needed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from executor.domain.model import Actor, ExceptionRecord, NewEvent, OutboxMessage, Packs, Playbook, Step
from sentinai.documents.schemas import check_schema
from sentinai.problems import Finding, ToolNotAllowed


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """All that an action needs to know. ``tool_mode`` is ``log_only`` or ``stub``."""

    record: ExceptionRecord
    step: Step
    playbook: Playbook
    packs: Packs
    actor: Actor
    as_of: datetime
    tool_mode: str
    has_completed_step: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What doing a step comes to: events to append, messages to send, and the result that the step keeps."""

    events: tuple[NewEvent, ...]
    outbox: tuple[OutboxMessage, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)


class Action(Protocol):
    """One action type. ``effect`` is ``read_only``, ``changes_exception`` or ``external``."""

    action_type: str
    effect: str
    params_schema: Mapping[str, Any]

    def check(self, params: Mapping[str, Any], packs: Packs) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """Errors and warnings about params that the schema accepts, for whoever publishes them."""

    def plan(self, context: StepContext) -> Plan:
        """What doing the step now comes to.

        Raises:
            Problem: it would be refused; the message says why.
        """

    def preview(self, context: StepContext) -> dict[str, Any]:
        """What doing the step now would come to, for people; a missing value shows as such. Never raises."""


def step_members(context: StepContext) -> dict[str, Any]:
    """The members by which an action's event names the step and the calling service."""
    return {
        "run": context.record.playbook_run,
        "step_order": context.step.step_order,
        **context.actor.called_by_member(),
    }


class _Registry(Mapping[str, Action]):
    """The actions by type, found on first use: the modules import this one.

    Threads may come at once: each sees all of them or finds them itself, never a part.
    """

    @cached_property
    def _actions(self) -> Mapping[str, Action]:
        package = importlib.import_module(__package__)
        names = [f"{__package__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
        modules = [importlib.import_module(name) for name in names]
        return {module.ACTION.action_type: module.ACTION for module in modules if hasattr(module, "ACTION")}

    def __getitem__(self, action_type: str) -> Action:
        return self._actions[action_type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)


ACTIONS: Mapping[str, Action] = _Registry()


def check_params(
    action_type: str, params: Mapping[str, Any], packs: Packs
) -> tuple[Sequence[Finding], Sequence[Finding]]:
    """Errors and warnings about the params of a step, for whoever publishes it; pointers are into the params."""
    action = ACTIONS[action_type]
    of_schema = check_schema(action.params_schema, params)
    if of_schema:
        return of_schema, []
    errors, warnings = action.check(params, packs)
    if action_type not in packs.policy.get("blocked_actions", ()):
        return errors, warnings
    message = f"The Policy Pack blocks the action {action_type}; the playbook will not be assigned."
    return errors, [Finding("", "action_blocked", message, "Have it taken out of blocked_actions."), *warnings]


def plan_step(context: StepContext) -> Plan:
    """What doing a step now comes to, whatever its action.

    Raises:
        Problem: it would be refused; the message says why.
    """
    action_type = context.step.action_type
    if action_type in context.packs.policy.get("blocked_actions", ()):
        raise ToolNotAllowed(f"The Policy Pack blocks the action {action_type}.")
    return ACTIONS[action_type].plan(context)
