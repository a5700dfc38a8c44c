"""``notify``: renders a notification into the outbox; the worker delivers it by its channel, a stub so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from executor.actions import placeholder_check, templating
from executor.actions.base import Plan, StepContext, message, step_members
from executor.domain.model import NewEvent, Packs
from sentinai import packs as of_packs
from sentinai.documents.suggestions import some_of
from sentinai.problems import Finding, TemplateUnresolved
from sentinai.templates import render


class Notify:
    """Emits ``NotificationRequested``; the text is from the params, or a template of the Domain Pack."""

    action_type = "notify"
    verb = "send the notification"
    icon = "mail"

    def check(self, params: Mapping[str, Any], packs: Packs) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """Errors and warnings about the params."""
        names = tuple(params.get("placeholders", {}))
        errors = [
            finding
            for member in ("subject", "message")
            for finding in templating.check_document(params.get(member), f"/{member}", names)
        ]
        of_placeholders, warnings = templating.check_placeholders(params, packs)
        return errors + of_placeholders, [*_template_warnings(params, packs, names), *warnings]

    def plan(self, context: StepContext) -> Plan:
        """The events, messages and result of doing the step now."""
        template_id = context.step.params.get("template_id")
        if template_id and template_id not in of_packs.notification_templates(context.packs.domain):
            detail = f"The Domain Pack has no notification template {template_id!r}."
            raise TemplateUnresolved(detail, findings=[Finding("/template_id", "unknown_template", detail)])
        content = self.preview(context)
        outgoing = message(context, "notification", content)
        payload = {
            "outbox_id": outgoing.outbox_id,
            **{name: content[name] for name in ("channel", "group", "template_id", "subject", "message")},
            **step_members(context),
        }
        return Plan(
            events=(NewEvent("NotificationRequested", payload),),
            outbox=(outgoing,),
            result={"outbox_id": outgoing.outbox_id, "channel": content["channel"]},
        )

    def preview(self, context: StepContext) -> dict[str, Any]:
        """The rendered notification."""
        params = context.step.params
        values = templating.with_placeholders(context)
        known = of_packs.notification_templates(context.packs.domain)
        text = known.get(params["template_id"], {}) if "template_id" in params else params
        return {
            "channel": params["channel"],
            "group": params.get("group"),
            "template_id": params.get("template_id"),
            "subject": render.render_text(text["subject"], values) if text.get("subject") else None,
            "message": render.render_text(text.get("message", ""), values),
        }

    def summary(self, params: Mapping[str, Any]) -> str:
        """The step in one line, from its params alone."""
        by = f"By {params['channel']}" + (f" to {params['group']}" if params.get("group") else "")
        return f"{by}: {params.get('subject') or params.get('message') or 'template ' + params['template_id']}"


def _template_warnings(params: Mapping[str, Any], packs: Packs, names: tuple[str, ...]) -> Iterator[Finding]:
    for member in ("subject", "message"):
        yield from templating.warnings(params.get(member), f"/{member}", packs)
    template_id = params.get("template_id")
    if template_id is None or not packs.domain:
        return
    known = of_packs.notification_templates(packs.domain)
    if template_id not in known:
        yield Finding(
            "/template_id",
            "unknown_template",
            f"The Domain Pack has no notification template {template_id!r}.",
            f"It has: {some_of(known)}.",
        )
        return
    for member in ("subject", "message"):
        text = known[template_id].get(member, "")
        for finding in (*render.check(text, names=names), *placeholder_check.unknown_paths(text, packs)):
            message = f"Template {template_id!r}: {finding.message}"
            yield Finding("/template_id", finding.code, message, finding.hint)


ACTION = Notify()
