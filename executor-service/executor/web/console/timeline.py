"""The timeline: each event of the log with a title, a text, an icon and a kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sentinai.counting import counted
from sentinai.documents.schemas import is_valid

PLAYBOOK, ACTIONS, COMMENTS, RECORD = "playbook", "actions", "comments", "record"
EVENT_KINDS = {PLAYBOOK: "playbook", ACTIONS: "action", COMMENTS: "comment", RECORD: "record"}
"""The kinds by which the timeline can be filtered, and what a single event of each is called."""

_Payload = Mapping[str, Any]
_Text = str | Callable[[_Payload], str]
_POLICY_TITLES = {"aligned": "Within policy", "needs_approval": "Approval needed", "blocked": "Blocked by policy"}
_SLA = {True: "; SLA met", False: "; SLA missed", None: ""}
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def event_entry(event: dict[str, Any]) -> dict[str, Any]:
    """An event (schema ``event``) as an entry of the timeline.

    One of an unknown type, or that does not have what its type requires, has the name of its type as the title.
    """
    event_type, payload = event["event_type"], event["payload"]
    unknown = (RECORD, "event", _WORD_START.sub(" ", event_type).capitalize(), "")
    known = _ENTRIES.get(event_type, unknown) if is_valid(f"events/{event_type}", payload) else unknown
    kind, icon, title, text = known
    return {
        **event,
        "kind": kind,
        "icon": icon,
        "title": title if isinstance(title, str) else title(payload),
        "text": text if isinstance(text, str) else text(payload),
        "called_by": payload.get("called_by"),
    }


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _changes(payload: _Payload) -> str:
    return ", ".join(_plain(name) for name in payload["changes"])


def _progress(payload: _Payload) -> str:
    return f"{counted(payload['steps_completed'], 'step')} completed, {payload['steps_skipped']:,} skipped"


def _feedback(payload: _Payload) -> str:
    return str(payload.get("summary") or "") or _progress(payload) + _SLA[payload["sla_kept"]]


def _recalculated_title(payload: _Payload) -> str:
    if payload["playbook_name"] is None:
        return "Recommendation withdrawn"
    return "Playbook switched" if payload["trigger"] == "switched" else "Playbook recommended"


def _recalculated_text(payload: _Payload) -> str:
    return str(payload["reasoning"]) if payload["playbook_name"] is None else _playbook(payload)


def _playbook(payload: _Payload) -> str:
    return f"{payload['playbook_name']} v{payload['playbook_version']}"


def _step_completed_title(payload: _Payload) -> str:
    return f"Step {payload['step_order']} {'done elsewhere' if payload['mode'] == 'attest' else 'completed'}"


def _step_completed_text(payload: _Payload) -> str:
    return f"{payload['step_name']}: {payload['notes']}" if payload["notes"] else str(payload["step_name"])


def _owner(payload: _Payload) -> str:
    return (
        f"to the queue {payload['owner_id']}" if payload["owner_kind"] == "queue" else f"to {payload['owner_id']}"
    )


def _sent_title(payload: _Payload) -> str:
    return "Notification delivered" if payload["outcome"] == "sent" else "Notification not delivered"


_ENTRIES: Mapping[str, tuple[str, str, _Text, _Text]] = {
    "ExceptionCreated": (RECORD, "event", "Exception created", lambda it: str(it["exception"]["exception_type"])),
    "ExceptionUpdated": (RECORD, "event", "Exception updated", _changes),
    "TriageCompleted": (RECORD, "flag", "Triage", lambda it: str(it["summary"])),
    "PolicyEvaluated": (
        PLAYBOOK,
        "lock",
        lambda it: _POLICY_TITLES[it["verdict"]],
        lambda it: it.get("summary", ""),
    ),
    "ApprovalRulesKept": (PLAYBOOK, "lock", "Approval still needed", lambda it: str(it["summary"])),
    "ResolutionSuggested": (PLAYBOOK, "info", "Next step suggested", lambda it: str(it["summary"])),
    "FeedbackCaptured": (PLAYBOOK, "flag", "Outcome", _feedback),
    "RecommendationDeferred": (PLAYBOOK, "clock", "Recommendation deferred", lambda it: str(it["reason"])),
    "PlaybookRecalculated": (PLAYBOOK, "playbook", _recalculated_title, _recalculated_text),
    "PlaybookStarted": (PLAYBOOK, "running", "Playbook started", _playbook),
    "PlaybookStepCompleted": (PLAYBOOK, "completed", _step_completed_title, _step_completed_text),
    "PlaybookStepSkipped": (
        PLAYBOOK,
        "skipped",
        lambda it: f"Step {it['step_order']} skipped",
        lambda it: f"{it['step_name']}: {it['reason']}",
    ),
    "PlaybookCompleted": (PLAYBOOK, "resolved", "Playbook completed", _progress),
    "StatusChanged": (
        ACTIONS,
        "swap",
        "Status changed",
        lambda it: f"{_plain(it['from'])} → {_plain(it['to'])}",
    ),
    "OwnerAssigned": (ACTIONS, "assign", "Owner assigned", _owner),
    "CommentAdded": (COMMENTS, "comment", "Comment", lambda it: str(it["text"])),
    "NotificationRequested": (
        ACTIONS,
        "mail",
        lambda it: f"Notification by {it['channel']}",
        lambda it: it.get("subject") or it["message"],
    ),
    "NotificationSent": (ACTIONS, "mail", _sent_title, lambda it: it.get("detail", "")),
    "ToolCallRequested": (ACTIONS, "tool", "Tool call requested", lambda it: str(it["tool_id"])),
    "ToolCallRecorded": (
        ACTIONS,
        "tool",
        lambda it: f"Tool call {_plain(it['outcome'])}",
        lambda it: str(it["detail"]),
    ),
}
