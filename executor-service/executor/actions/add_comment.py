"""``add_comment``: appends a comment to the exception."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from executor.actions import templating
from executor.actions.base import Plan, StepContext, step_members
from executor.domain.model import NewEvent, Packs
from sentinai.problems import Finding
from sentinai.templates import render


class AddComment:
    """Renders ``text_template`` (or ``text``, an alias) and appends ``CommentAdded``."""

    action_type = "add_comment"
    verb = "add the comment"
    icon = "comment"

    def check(self, params: Mapping[str, Any], packs: Packs) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """Errors and warnings about the params."""
        name = _member(params)
        at = f"/{name}"
        return templating.check_document(params[name], at), templating.warnings(params[name], at, packs)

    def plan(self, context: StepContext) -> Plan:
        """The events, messages and result of doing the step now."""
        text = self.preview(context)["text"]
        payload = {"text": text, "cause": "step", **step_members(context)}
        return Plan(events=(NewEvent("CommentAdded", payload),), result={"text": text})

    def preview(self, context: StepContext) -> dict[str, Any]:
        """The rendered comment."""
        params = context.step.params
        return {"text": render.render_text(params[_member(params)], templating.values(context))}

    def summary(self, params: Mapping[str, Any]) -> str:
        """The step in one line, from its params alone."""
        return str(params[_member(params)])


def _member(params: Mapping[str, Any]) -> str:
    return "text_template" if "text_template" in params else "text"


ACTION = AddComment()
