"""What the clients of both services have in common."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

from sentinai.client import problems
from sentinai.client.answers import Health
from sentinai.client.retry_policy import RetryPolicy
from sentinai.client.transport import Exchange, Transport
from sentinai.documents import strict_json
from sentinai.documents.schemas import check
from sentinai.problems import MalformedJson

T = TypeVar("T")
Token = str | Callable[[], str]
"""A bearer token, or what gives one: asked before every try, so that it can renew what expires."""
DEFAULT_PATIENCE = RetryPolicy()


class ServiceClient:
    """Calls a service with a token. Use it in a ``with`` block, or close it.

    Any number of threads may share a client: each thread gets connections of its own. Calls that are safe to
    repeat are tried again, by the client's patience, when the service is away or busy. ``request_id`` gives the
    id under which a call stands in the service's log, such as that of the request being served; where it gives
    None, each call gets a new one. ``traceparent`` gives the place of a call in a trace, if it has one (W3C Trace
    Context).

    Raises:
        ValueError: ``base_url`` is not one of HTTP.
    """

    def __init__(
        self,
        base_url: str,
        token: Token,
        *,
        retry_policy: RetryPolicy = DEFAULT_PATIENCE,
        request_id: Callable[[], str | None] = lambda: None,
        traceparent: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._transport = Transport(base_url, retry_policy)
        self._token = token
        self._request_id = request_id
        self._traceparent = traceparent

    def with_token(self, token: Token) -> Self:
        """The same client for another caller: it shares the connections, and closes with this one."""
        other = copy.copy(self)
        other._token = token  # noqa: SLF001 - its own
        return other

    def readiness(self) -> Health:
        """Whether the service can do its work, and what it lacks. Needs no token, and does not try again.

        Raises:
            ServiceUnavailable: it does not answer. UnusableAnswer: what answers is no such service.
        """
        exchange = Exchange(method="GET", path="/readyz", token=lambda: "", repeatable=False)
        answer = self._transport.answer(exchange)
        try:
            health: Health = strict_json.loads(answer.content)
        except MalformedJson as error:
            raise problems.unusable(answer, error.detail, exchange.request_id) from error
        if check("health", health):
            raise problems.unusable(answer, "It is no health document.", exchange.request_id)
        return health

    def close(self) -> None:
        """Close its connections, of every thread."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, kind: type[T], method: str, path: str, **parts: Any) -> T:
        """The document answered, which is of that kind: as the service's schemas say, not looked into again."""
        token = self._token
        asked = token if callable(token) else lambda: token
        exchange = Exchange(method=method, path=path, token=asked, **parts)
        if request_id := self._request_id():
            exchange = replace(exchange, request_id=request_id)
        if traceparent := self._traceparent():
            exchange = replace(exchange, headers={**exchange.headers, "traceparent": traceparent})
        document: T = self._transport.document(exchange)
        return document


def place(template: str, **names: str | int) -> str:
    """A path with the names filled in, whatever characters they have."""
    return template.format(**{name: quote(str(value), safe="") for name, value in names.items()})


def given(**members: Any) -> dict[str, Any]:
    """The members that were given: those that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def pages(fetch: Callable[[str | None], Mapping[str, Any]]) -> Iterator[Any]:
    """The items of every page of a list, fetched as they are asked for."""
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return
