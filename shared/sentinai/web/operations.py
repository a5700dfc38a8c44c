"""API operations, declared once: path, role, inputs and responses.

The service enforces the declaration, and its OpenAPI document is made from it, so they always agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from marshmallow import Schema

from sentinai.identity import Identity

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of an operation: a body that can be written as JSON, a status, and further headers."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call(Generic[S]):
    """One call: the service's dependencies, the caller and the validated inputs."""

    services: S
    identity: Identity
    body: Any
    query: Mapping[str, Any]
    headers: Mapping[str, str]


Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the API.

    ``answers`` maps statuses to schema names, ``request_headers`` the optional headers to what they are for. Any
    caller with a token may call an operation without a ``role``.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    answers: Mapping[int, str]
    role: str | None = None
    body: str | None = None
    body_optional: bool = False
    body_limit: str = "body_limit_bytes"
    query: type[Schema] | None = None
    problems: tuple[int, ...] = ()
    request_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The operation's id: its handler's name."""
        return self.handler.__name__


class Api(Generic[S]):
    """The operations of one subject (a tag of the OpenAPI document), collected by decorators."""

    def __init__(self, tag: str, description: str) -> None:
        self.tag = tag
        self.description = description
        self.operations: list[Operation] = []

    def operation(
        self, method: str, path: str, *, answers: Mapping[int, str], **declared: Any
    ) -> Callable[[Handler], Handler]:
        """Declare the decorated function as the operation; its docstring's first line is the summary."""

        def declare(handler: Handler) -> Handler:
            summary = (handler.__doc__ or handler.__name__).strip().splitlines()[0].replace("``", "`")
            self.operations.append(
                Operation(
                    method=method,
                    path=path,
                    handler=handler,
                    summary=summary,
                    tag=self.tag,
                    answers=answers,
                    **declared,
                )
            )
            return handler

        return declare
