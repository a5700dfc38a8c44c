"""What answers of both services have parts of."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Json = dict[str, Any]


class Finding(TypedDict):
    """One thing that is wrong, or doubtful, in a document, and where."""

    pointer: str
    code: str
    message: str
    hint: NotRequired[str]
    line: NotRequired[int]
    column: NotRequired[int]


class Problem(TypedDict):
    """A refusal, as RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: NotRequired[list[Finding]]
    expected_step: NotRequired[int]


class Health(TypedDict):
    """Whether a service can do its work: each thing that it needs is "ok", or what is wrong."""

    status: Literal["ok", "unavailable"]
    checks: NotRequired[dict[str, str]]


class Reason(TypedDict):
    """The result of one clause for one exception: ``text`` is composed of ``condition`` and ``observed``."""

    text: str
    condition: NotRequired[str]
    observed: NotRequired[str | None]
    error: NotRequired[str]
    path: str | None
    operator: str
    expected: Any
    actual: Any
    satisfied: bool


class Selected(TypedDict):
    """The playbook that fits best."""

    playbook_id: int
    name: str
    version: int
    priority: int
