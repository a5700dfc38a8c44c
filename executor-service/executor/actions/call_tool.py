"""``call_tool``: calls a tool that the Domain Pack defines and the Policy Pack approves; a stub, so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from executor.actions import templating
from executor.actions.base import Plan, StepContext, idempotency_key, message, step_members
from executor.domain.model import NewEvent, Packs
from sentinai import packs as of_packs
from sentinai.documents.foreign_schemas import check_schema
from sentinai.problems import Finding, InvalidDocument, ToolNotAllowed
from sentinai.templates import render


class CallTool:
    """Emits ``ToolCallRequested`` and, in ``log_only`` mode, also ``ToolCallRecorded``: nothing is called."""

    action_type = "call_tool"
    verb = "call the tool"
    icon = "tool"

    def check(self, params: Mapping[str, Any], packs: Packs) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """Errors and warnings about the params."""
        names = tuple(params.get("placeholders", {}))
        member = _member(params)
        errors = templating.check_document(params.get(member), f"/{member}", names)
        of_placeholders, warnings = templating.check_placeholders(params, packs)
        warnings += templating.warnings(params.get(member), f"/{member}", packs)
        found = [*_tool_warnings(params["tool_id"], packs), *_payload_warnings(params, packs), *warnings]
        return errors + of_placeholders, found

    def plan(self, context: StepContext) -> Plan:
        """The events, messages and result of doing the step now."""
        params = context.step.params
        tool_id = params["tool_id"]
        tool = _require_tool(tool_id, context.packs)
        payload = templating.payload(context, params.get(_member(params), {}))
        found = check_schema(of_packs.tool_parameters(tool), payload)
        if found:
            raise InvalidDocument.about(f"The payload for {tool_id} does not match the tool's parameters", found)
        return _plan(context, tool_id, payload)

    def preview(self, context: StepContext) -> dict[str, Any]:
        """The tool, and the rendered payload."""
        params = context.step.params
        values = templating.with_placeholders(context)
        payload = render.preview_payload(params.get(_member(params), {}), values)
        return {"tool_id": params["tool_id"], "payload": payload, "mode": context.tool_mode}

    def summary(self, params: Mapping[str, Any]) -> str:
        """The step in one line, from its params alone."""
        return str(params["tool_id"])


def _plan(context: StepContext, tool_id: str, payload: Any) -> Plan:
    key, mode = idempotency_key(context), context.tool_mode
    outgoing = () if mode == "log_only" else (message(context, "tool_call", _call(tool_id, payload)),)
    requested = {
        "outbox_id": outgoing[0].outbox_id if outgoing else None,
        **_call(tool_id, payload),
        "mode": mode,
        "idempotency_key": key,
        **step_members(context),
    }
    events = [NewEvent("ToolCallRequested", requested)]
    if mode == "log_only":
        recorded = {
            "tool_id": tool_id,
            "mode": mode,
            "outcome": "logged",
            "detail": f"Log only: {tool_id} was not called; the request has the payload.",
            "idempotency_key": key,
            **step_members(context),
        }
        events.append(NewEvent("ToolCallRecorded", recorded))
    result = {"tool_id": tool_id, "mode": mode, "payload": payload, "idempotency_key": key}
    return Plan(events=tuple(events), outbox=outgoing, result=result)


def _call(tool_id: str, payload: Any) -> dict[str, Any]:
    return {"tool_id": tool_id, "payload": payload}


def _member(params: Mapping[str, Any]) -> str:
    return "payload_template" if "payload_template" in params else "payload"


def _require_tool(tool_id: str, packs: Packs) -> Mapping[str, Any]:
    if tool_id in packs.policy.get("blocked_actions", ()):
        raise ToolNotAllowed(f"The Policy Pack blocks the tool {tool_id!r}.")
    if tool_id not in packs.policy.get("approved_tools", ()):
        raise ToolNotAllowed(f"The Policy Pack does not approve the tool {tool_id!r}.")
    tool = of_packs.tools(packs.domain).get(tool_id)
    if tool is None:
        raise ToolNotAllowed(f"The Domain Pack does not define the tool {tool_id!r}.")
    found: Mapping[str, Any] = tool
    return found


def _tool_warnings(tool_id: str, packs: Packs) -> Iterator[Finding]:
    if packs.domain and tool_id not in of_packs.tools(packs.domain):
        known = ", ".join(of_packs.tools(packs.domain)) or "none"
        yield Finding(
            "/tool_id",
            "unknown_tool",
            f"The Domain Pack does not define the tool {tool_id!r}.",
            f"It defines: {known}.",
        )
    elif tool_id in packs.policy.get("blocked_actions", ()):
        message = f"The Policy Pack blocks the tool {tool_id!r}; the playbook will not be assigned."
        yield Finding("/tool_id", "tool_blocked", message, "Remove it from blocked_actions, or use another tool.")
    elif packs.policy and tool_id not in packs.policy.get("approved_tools", ()):
        yield Finding(
            "/tool_id",
            "tool_not_approved",
            f"The Policy Pack does not approve the tool {tool_id!r}; the playbook will not be assigned.",
            "Add it to approved_tools, or use another tool.",
        )


def _payload_warnings(params: Mapping[str, Any], packs: Packs) -> Iterator[Finding]:
    """Where the payload cannot match the tool's parameters, whatever the values of its placeholders."""
    tool = of_packs.tools(packs.domain).get(params["tool_id"])
    if tool is None:
        return
    member = _member(params)
    given, schema = params.get(member, {}), of_packs.tool_parameters(tool)
    names = {word: schema[word] for word in _KEYWORDS_ABOUT_NAMES if word in schema}
    for finding in check_schema({**names, "properties": dict.fromkeys(schema.get("properties", {}), True)}, given):
        if finding.code in ("required", "unknown_field"):
            yield Finding(f"/{member}{finding.pointer}", "payload_misfit", finding.message, finding.hint)
    for name, value in given.items():
        wanted = schema.get("properties", {}).get(name)
        if wanted is None or any(render.placeholders_in(value)):
            continue
        for finding in check_schema(wanted, render.preview_payload(value, {})):
            if finding.code != "invalid_schema":
                yield Finding(f"/{member}", "payload_misfit", f"{name}: {finding.message}", finding.hint)


_KEYWORDS_ABOUT_NAMES = ("required", "additionalProperties", "patternProperties")


ACTION = CallTool()
