"""How things are put to people: events in words, amounts, durations, and what a step does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint

from executor.actions.registry import actions
from sentinai.problems import Problem

PLAYBOOK, ACTIONS, COMMENTS, RECORD = "playbook", "actions", "comments", "record"
_Payload = Mapping[str, Any]
_LINES_SHOWN, _CHARACTERS_SHOWN = 8, 480


def told(event: dict[str, Any]) -> dict[str, Any]:
    """An event with a title, a text, an icon, and the kind by which the timeline can be narrowed."""
    tell = _EVENTS.get(event["event_type"])
    kind, icon, title, text = (
        tell(event["payload"]) if tell else (RECORD, "event", _in_words(event["event_type"]), "")
    )
    return {
        **event,
        "kind": kind,
        "icon": icon,
        "title": title,
        "text": text,
        "called_by": event["payload"].get("called_by"),
    }


ExplainedClause = tuple[str, str, str, str]


def _in_words(event_type: str) -> str:
    """The title of an event type that has no wording of its own."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", event_type).capitalize()


def _created(payload: _Payload) -> ExplainedClause:
    return RECORD, "event", "Exception came in", payload["exception"]["exception_type"]


def _updated(payload: _Payload) -> ExplainedClause:
    changes = ", ".join(name.replace("_", " ") for name in payload["changes"])
    return RECORD, "event", "Exception changed", changes


def _triaged(payload: _Payload) -> ExplainedClause:
    return RECORD, "flag", "Triage", payload["summary"]


def _policy(payload: _Payload) -> ExplainedClause:
    title = {"aligned": "Within policy", "needs_approval": "Approval needed", "blocked": "Blocked by policy"}
    return PLAYBOOK, "lock", title[payload["verdict"]], payload.get("summary", "")


def _suggested(payload: _Payload) -> ExplainedClause:
    return PLAYBOOK, "info", "Next step suggested", payload["summary"]


def _feedback(payload: _Payload) -> ExplainedClause:
    done = f"{payload['steps_completed']} steps completed, {payload['steps_skipped']} skipped"
    return PLAYBOOK, "flag", "How it went", payload.get("summary") or f"{done}{_SLA[payload['sla_kept']]}"


_SLA = {True: "; the SLA was kept", False: "; the SLA was missed", None: ""}


def _deferred(payload: _Payload) -> ExplainedClause:
    return PLAYBOOK, "clock", "Recommendation deferred", payload["reason"]


def _recalculated(payload: _Payload) -> ExplainedClause:
    name = payload["playbook_name"]
    if name is None:
        return PLAYBOOK, "swap", "Recommendation withdrawn", payload["reasoning"]
    title = "Playbook switched" if payload["trigger"] == "switched" else "Playbook recommended"
    return PLAYBOOK, "playbook", title, f"{name} v{payload['playbook_version']}"


def _started(payload: _Payload) -> ExplainedClause:
    return PLAYBOOK, "running", "Playbook started", f"{payload['playbook_name']} v{payload['playbook_version']}"


def _step_completed(payload: _Payload) -> ExplainedClause:
    how = "done elsewhere" if payload["mode"] == "attest" else "completed"
    text = payload["step_name"] + (f": {payload['notes']}" if payload["notes"] else "")
    return PLAYBOOK, "completed", f"Step {payload['step_order']} {how}", text


def _step_skipped(payload: _Payload) -> ExplainedClause:
    return (
        PLAYBOOK,
        "skipped",
        f"Step {payload['step_order']} skipped",
        f"{payload['step_name']}: {payload['reason']}",
    )


def _completed(payload: _Payload) -> ExplainedClause:
    text = f"{payload['steps_completed']} steps completed, {payload['steps_skipped']} skipped"
    return PLAYBOOK, "resolved", "Playbook completed", text


def _status(payload: _Payload) -> ExplainedClause:
    words = (payload["from"].replace("_", " "), payload["to"].replace("_", " "))
    return ACTIONS, "set_status", "Status changed", f"{words[0]} → {words[1]}"


def _owner(payload: _Payload) -> ExplainedClause:
    return ACTIONS, "assign_owner", "Owner assigned", f"{_OWNERS[payload['owner_kind']]} {payload['owner_id']}"


_OWNERS = {"queue": "to the queue", "user": "to"}


def _comment(payload: _Payload) -> ExplainedClause:
    return COMMENTS, "add_comment", "Comment", payload["text"]


def _notification(payload: _Payload) -> ExplainedClause:
    return ACTIONS, "notify", f"Notification by {payload['channel']}", payload.get("subject") or payload["message"]


def _notification_sent(payload: _Payload) -> ExplainedClause:
    title = "Notification delivered" if payload["outcome"] == "sent" else "Notification given up"
    return ACTIONS, "notify", title, payload.get("detail", "")


def _tool_requested(payload: _Payload) -> ExplainedClause:
    return ACTIONS, "call_tool", "Tool call requested", payload["tool_id"]


def _tool_recorded(payload: _Payload) -> ExplainedClause:
    return ACTIONS, "call_tool", f"Tool call {payload['outcome']}", payload["detail"]


_EVENTS: Mapping[str, Callable[[_Payload], ExplainedClause]] = {
    "ExceptionCreated": _created,
    "ExceptionUpdated": _updated,
    "TriageCompleted": _triaged,
    "PolicyEvaluated": _policy,
    "ResolutionSuggested": _suggested,
    "FeedbackCaptured": _feedback,
    "RecommendationDeferred": _deferred,
    "PlaybookRecalculated": _recalculated,
    "PlaybookStarted": _started,
    "PlaybookStepCompleted": _step_completed,
    "PlaybookStepSkipped": _step_skipped,
    "PlaybookCompleted": _completed,
    "StatusChanged": _status,
    "OwnerAssigned": _owner,
    "CommentAdded": _comment,
    "NotificationRequested": _notification,
    "NotificationSent": _notification_sent,
    "ToolCallRequested": _tool_requested,
    "ToolCallRecorded": _tool_recorded,
}

_UNBLOCKING = {
    "template_unresolved": "Have what is missing filled in at its source; this page follows by itself.",
    "tool_not_allowed": "Have the packs define it, approve it and not block it.",
    "invalid_document": "Have the payload and the tool's parameters made to agree.",
    "owner_not_allowed": "Have the owner added to assignable in the Policy Pack.",
    "illegal_transition": (
        "Bring the exception into a status that this one may follow, or have the Policy Pack allow it."
    ),
}
_TEMPLATE_MISSING = "Have the template added to the Domain Pack."
_OTHERWISE = "Or record the step as done elsewhere"


def action_verb(step: _Payload) -> str:
    """What completing a step does, in a few words."""
    action = actions().get(step["action_type"])
    return action.verb if action else "do it"


def step_summary(step: _Payload) -> str:
    """What a step of a playbook does, in one line: from its params, without the values of an exception."""
    action = actions().get(step["action_type"])
    return action.summary(step["params"]) if action else ""


def unblocking(obstacle: Problem, step: _Payload) -> str:
    """What would let a blocked step be done, by what stands in its way; and what can be done instead."""
    is_template = obstacle.code == "template_unresolved" and step["action_type"] == "notify"
    mend = _TEMPLATE_MISSING if is_template else _UNBLOCKING.get(obstacle.code, "Have its cause mended.")
    return f"{mend} {_OTHERWISE}{'.' if step['mandatory'] else ', or skip it.'}"


def beginning(text: str) -> str | None:
    """The first lines of a text that is too long to stand between others; None of one that is not."""
    start = "\n".join(text.split("\n")[:_LINES_SHOWN])[:_CHARACTERS_SHOWN]
    return None if start == text else start.rstrip()


def amount(value: float | None) -> str:
    """An amount with thousands set apart; a dash for none."""
    if value is None:
        return "—"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def moment(instant: str) -> str:
    """An instant as people write it, to the minute: 2026-11-24 14:05 UTC."""
    return f"{instant[:16].replace('T', ' ')} UTC"


def duration(seconds: float | None) -> str:
    """A duration in its two largest units; a dash for none."""
    if seconds is None:
        return "—"
    whole = round(seconds)
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // part}{smaller}"
    return f"{seconds:.0f}s" if seconds >= 1 else "under 1s"


_REASON = re.compile(
    r"(.+? holds|.+?) \(((?<=holds \().*|(?:it is |there |they are |evaluation failed).*)\)", re.DOTALL
)


def told_apart(reason: str) -> tuple[str, str]:
    """A reason's clause, and the value that it met; the latter empty where the clause names it already."""
    apart = _REASON.fullmatch(reason)
    if apart is None:
        return reason, ""
    words, found = apart.groups()
    return words, "" if words.endswith(found.removeprefix("it ")) else found


def register(pages: Blueprint) -> None:
    """Give the templates these words."""
    for function in (action_verb, amount, beginning, duration, moment, step_summary, told_apart, unblocking):
        pages.add_app_template_filter(function)
