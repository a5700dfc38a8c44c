"""Path parameters: how Flask routes them, their schemas, and which values are rejected as not found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sentinai.documents.schemas import check
from sentinai.problems import NotFound

DESCRIPTIONS = {
    "delivery_id": "The id of a delivery.",
    "domain": "The domain that a Domain Pack describes.",
    "exception_id": "The exception's id.",
    "playbook_id": "The id of one playbook version.",
    "step_order": "The step's number within its playbook, counted from 1.",
    "tool_id": "The tool's id.",
}
_PARAMETER = re.compile(r"\{(\w+)\}")
_INTEGERS = ("playbook_id", "step_order")
_REPLACEMENT_CHARACTER = "\ufffd"


def names(path: str) -> list[str]:
    """The names of a path's parameters, in order."""
    return _PARAMETER.findall(path)


def rule(path: str) -> str:
    """The path as a Flask route."""
    return _PARAMETER.sub(lambda found: f"<{'int:' if found[1] in _INTEGERS else ''}{found[1]}>", path)


def schema(parameter: str) -> str:
    """The schema name of a parameter."""
    kind = "row_id" if parameter in _INTEGERS else "domain" if parameter == "domain" else "identifier"
    return f"common#/$defs/{kind}"


def require(parameters: Mapping[str, Any]) -> None:
    """Reject path parameters that cannot identify anything, before anything is looked up.

    Raises:
        NotFound: a parameter does not match its schema.
    """
    for name, value in parameters.items():
        # Werkzeug decodes bytes that are not UTF-8 to replacement characters.
        if _REPLACEMENT_CHARACTER in str(value):
            raise NotFound(f"{name} is not valid UTF-8.")
        findings = check(schema(name), value)
        if findings:
            raise NotFound(f"{name} is not valid: {findings[0].message}")
