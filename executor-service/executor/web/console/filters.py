"""The filters of the console's templates: amounts, times, reasons, and what a step does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from executor.actions.registry import actions
from sentinai.counting import counted
from sentinai.problems import Problem

_Step = Mapping[str, Any]
_EXCERPT_LINES, _EXCERPT_CHARACTERS = 8, 480
_OUTCOMES = {"attest": "did it elsewhere", "skip": "skipped it"}
_REMEDIES = {
    "unknown_template": "Ask for the template to be added to the Domain Pack.",
    "template_unresolved": "Ask for the missing value to be filled in at its source; this page updates by itself.",
    "tool_not_allowed": "Ask for the tool to be defined in the Domain Pack and approved in the Policy Pack.",
    "invalid_document": "Ask for the payload of the step to be adapted to the parameters of the tool.",
    "owner_not_allowed": "Ask for the owner to be added to assignable in the Policy Pack.",
    "illegal_transition": "Change the status first, or ask for the transition to be allowed in the Policy Pack.",
}


def register(pages: Blueprint) -> None:
    """Make the filters available to templates."""
    for function in (
        action_icon,
        action_verb,
        amount,
        counted,
        duration,
        excerpt,
        format_time,
        label,
        outcome,
        remedy,
        split_reason,
        step_summary,
    ):
        pages.add_app_template_filter(function)


def label(name: str) -> str:
    """An identifier as a label: ``pending_review`` as "Pending review"."""
    return name.replace("_", " ").capitalize()


def amount(value: float | None) -> str:
    """An amount with thousands separators; a dash for None."""
    if value is None:
        return "—"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def format_time(time: str) -> str:
    """An RFC 3339 time in UTC, to the minute: 2026-11-24 14:05 UTC."""
    return f"{time[:16].replace('T', ' ')} UTC"


def duration(seconds: float | None) -> str:
    """A duration in its two largest units; a dash for None."""
    if seconds is None:
        return "—"
    whole = round(seconds)
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // part}{smaller}"
    return f"{seconds:.0f}s" if seconds >= 1 else "under 1s"


def excerpt(text: str) -> str | None:
    """The beginning of a long text; None if the text is short enough to be shown in full."""
    start = "\n".join(text.split("\n")[:_EXCERPT_LINES])[:_EXCERPT_CHARACTERS]
    return None if start == text else start.rstrip()


def split_reason(reason: Mapping[str, Any]) -> tuple[str, str]:
    """The condition of a reason, and what was observed unless that is what the condition names.

    Reasons stored by earlier versions have a text only.
    """
    if "condition" not in reason:
        return reason["text"], ""
    if "error" in reason:
        return reason["condition"], f"evaluation failed: {reason['error']}"
    is_named = reason["observed"] is None or (reason["satisfied"] and reason["actual"] == reason["expected"])
    return reason["condition"], "" if is_named else f"actual: {reason['observed']}"


def action_icon(step: _Step) -> str:
    """The icon of a step's action."""
    action = actions().get(step["action_type"])
    return action.icon if action else "playbook"


def action_verb(step: _Step) -> str:
    """What completing a step does, in a few words."""
    action = actions().get(step["action_type"])
    return action.verb if action else "do it"


def step_summary(step: _Step) -> str:
    """What a step of a playbook does, in one line: from its params, without the values of an exception."""
    action = actions().get(step["action_type"])
    return action.summary(step["params"]) if action else ""


def outcome(mode: str | None) -> str:
    """What the actor did with a finished step."""
    return _OUTCOMES.get(mode or "", "completed it")


def remedy(obstacle: Problem, step: _Step) -> str:
    """How a blocked step can be unblocked, by the codes of what blocks it; and the alternatives."""
    codes = (*(finding.code for finding in obstacle.findings), obstacle.code)
    cure = next((_REMEDIES[code] for code in codes if code in _REMEDIES), "Ask for the cause to be removed.")
    return f"{cure} Or record the step as done elsewhere{'.' if step['mandatory'] else ', or skip it.'}"
