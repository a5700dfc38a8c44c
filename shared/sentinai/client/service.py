"""What the clients of both services share."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

from sentinai.client import problems
from sentinai.client.retry_policy import RetryPolicy
from sentinai.client.transport import ApiRequest, Transport
from sentinai.client.types import Health
from sentinai.documents import strict_json
from sentinai.documents.schemas import check
from sentinai.problems import MalformedJson

T = TypeVar("T")
Token = str | Callable[[], str]
"""A bearer token, or a function that returns one, called before every attempt so that it can renew tokens."""
DEFAULT_RETRY_POLICY = RetryPolicy()


class ServiceClient:
    """Calls a service with a token. Use it in a ``with`` block, or close it.

    Threads may share a client: each has its own connections. Calls that are safe to repeat are retried, by the
    retry policy, while the service is unavailable or busy. ``request_id`` returns the id under which the service
    logs a call, such as that of the request being served; if it returns None, the call gets a new id.
    ``traceparent`` returns the call's W3C Trace Context, or None. ``seconds_left`` returns how long the caller
    waits for a call, all attempts together; the retry policy limits each attempt anyway.

    Raises:
        ValueError: ``base_url`` is not an http or https URL.
    """

    def __init__(
        self,
        base_url: str,
        token: Token,
        *,
        retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
        request_id: Callable[[], str | None] = lambda: None,
        traceparent: Callable[[], str | None] = lambda: None,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._transport = Transport(base_url, retry_policy)
        self._token = token
        self._request_id = request_id
        self._traceparent = traceparent
        self._seconds_left = seconds_left

    def with_token(self, token: Token) -> Self:
        """The same client for another caller; it shares the connections, and is closed with this one."""
        other = copy.copy(self)
        other._token = token  # noqa: SLF001 - its own class
        return other

    def readiness(self) -> Health:
        """Whether the service is ready, and what is unavailable. Needs no token, and is not retried.

        Raises:
            ServiceUnavailable: there is no response. UnusableAnswer: the response is not from such a service.
        """
        request = ApiRequest(method="GET", path="/readyz", token=lambda: "", repeatable=False)
        response = self._transport.send(request)
        try:
            health: Health = strict_json.loads(response.content)
        except MalformedJson as error:
            raise problems.unusable(response, error.detail, request.request_id) from error
        if check("health", health):
            raise problems.unusable(response, "The response is not a health document.", request.request_id)
        return health

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, kind: type[T], method: str, path: str, **parts: Any) -> T:
        """The response's document, typed by the service's schemas; it is not validated again."""
        token = self._token
        get_token = token if callable(token) else lambda: token
        until = time.monotonic() + self._seconds_left()
        request = ApiRequest(method=method, path=path, token=get_token, until=until, **parts)
        if request_id := self._request_id():
            request = replace(request, request_id=request_id)
        if traceparent := self._traceparent():
            request = replace(request, headers={**request.headers, "traceparent": traceparent})
        document: T = self._transport.fetch(request)
        return document


def fill_path(template: str, **names: str | int) -> str:
    """A path template with each name filled in and percent-encoded."""
    return template.format(**{name: quote(str(value), safe="") for name, value in names.items()})


def without_none(**members: Any) -> dict[str, Any]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def all_items(fetch_page: Callable[[str | None], Mapping[str, Any]]) -> Iterator[Any]:
    """The items of every page of a list; pages are fetched as they are needed."""
    cursor: str | None = None
    while True:
        page = fetch_page(cursor)
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return
