"""The parameters that stand in paths: how a route takes them, by which schema, and what is none of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sentinai.documents.schemas import check
from sentinai.problems import NotFound

_PARAMETER = re.compile(r"\{(\w+)\}")
_NUMBERS = ("playbook_id", "step_order")
_NO_TEXT = "\ufffd"
"""What becomes of bytes in a path that are not UTF-8."""


def names(path: str) -> list[str]:
    """The names of a path's parameters, in order."""
    return _PARAMETER.findall(path)


def rule(path: str) -> str:
    """The path as a route of Flask."""
    return _PARAMETER.sub(lambda found: f"<{'int:' if found[1] in _NUMBERS else ''}{found[1]}>", path)


def schema(parameter: str) -> str:
    """The name of the schema of a parameter, by the parameter's name."""
    kind = "row_id" if parameter in _NUMBERS else "domain" if parameter == "domain" else "identifier"
    return f"common#/$defs/{kind}"


def require(given: Mapping[str, Any]) -> None:
    """Insist that the parameters of a call could name something at all; what cannot is never looked for.

    Raises:
        NotFound: one of them is outside its schema, so nothing has that name.
    """
    for name, value in given.items():
        if _NO_TEXT in str(value):
            raise NotFound(f"Nothing can have this {name}: it is not UTF-8.")
        found = check(schema(name), value)
        if found:
            raise NotFound(f"Nothing can have this {name}: {found[0].message}")
