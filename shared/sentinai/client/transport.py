"""HTTP requests to one service: kept connections, timeouts, retries, a request id, validated responses."""

from __future__ import annotations

import math
import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests

from sentinai import deadline
from sentinai.client import problems
from sentinai.client.deadline_session import new_session
from sentinai.client.retry_policy import RETRYABLE_STATUSES, RetryPolicy
from sentinai.documents import strict_json
from sentinai.problems import MalformedJson

_BASE_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?\Z")
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")
_LEAST_SECONDS = 0.001
Outcome = requests.Response | requests.RequestException


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request. ``repeatable``: sending it again has no further effect.

    ``token`` is called before each attempt. ``wait`` is how many seconds the service may hold its response.
    ``until`` is when, by the monotonic clock, the caller stops waiting for all attempts together.
    """

    method: str
    path: str
    token: Callable[[], str] = field(repr=False)
    body: Any = field(default=None, repr=False)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    wait: float = 0.0
    until: float = math.inf
    request_id: str = field(default_factory=lambda: uuid4().hex)


class Transport:
    """Sends requests to one service. Threads may share it: each request uses a session that no other uses.

    Raises:
        ValueError: ``base_url`` is not an http or https URL.
    """

    def __init__(self, base_url: str, retry_policy: RetryPolicy) -> None:
        if not _BASE_URL.match(base_url):
            raise ValueError(f"{base_url!r} is not a valid service URL; it must begin with http:// or https://")
        self._base_url = base_url.rstrip("/")
        self._retry_policy = retry_policy
        self._idle: deque[requests.Session] = deque()

    def fetch(self, request: ApiRequest) -> Any:
        """The JSON object of a successful response.

        Raises:
            ApiProblem: the request was refused, or there was no response, or no usable one.
        """
        response = self.send(request)
        if not 200 <= response.status_code < 300:
            raise problems.refused(response, request.request_id)
        try:
            document = strict_json.loads(response.content)
        except MalformedJson as error:
            raise problems.unusable(response, error.detail, request.request_id) from error
        if not isinstance(document, dict):
            raise problems.unusable(response, "The response is not a JSON object.", request.request_id)
        return document

    def send(self, request: ApiRequest) -> requests.Response:
        """The response of the last attempt, whatever its status.

        Raises:
            ServiceUnavailable: there was no response.
        """
        attempt = 1
        outcome = self._attempt(request)
        while (pause := self._pause(request, attempt, outcome)) is not None:
            time.sleep(pause)
            attempt += 1
            outcome = self._attempt(request)
        if isinstance(outcome, requests.RequestException):
            raise problems.unreachable(outcome, request.request_id) from outcome
        return outcome

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _attempt(self, request: ApiRequest) -> Outcome:
        patience = self._retry_policy.read_seconds + request.wait
        seconds = max(_LEAST_SECONDS, min(patience, request.until - time.monotonic()))
        headers = {"X-Request-ID": request.request_id, **_deadline(seconds), **request.headers}
        if token := request.token():
            headers["Authorization"] = _bearer(token)
        body = None
        if request.body is not None:
            body = strict_json.encode(request.body)
            headers["Content-Type"] = "application/json"
        session = self._take_session()
        try:
            return session.request(
                request.method,
                self._base_url + request.path,
                params=dict(request.query),
                data=body,
                headers=headers,
                timeout=(min(self._retry_policy.connect_seconds, seconds), seconds),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            if isinstance(error, ValueError):
                # The caller's mistake, such as a header that cannot be sent, and not an unavailable service.
                raise
            return error
        finally:
            self._idle.append(session)

    def _pause(self, request: ApiRequest, attempt: int, outcome: Outcome) -> float | None:
        if not request.repeatable:
            return None
        retry_after = None
        if isinstance(outcome, requests.Response):
            if outcome.status_code not in RETRYABLE_STATUSES:
                return None
            retry_after = problems.retry_after(outcome)
        pause = self._retry_policy.pause(attempt, retry_after, random.random())  # noqa: S311 - jitter, not a secret
        return None if pause is None or time.monotonic() + pause >= request.until else pause

    def _take_session(self) -> requests.Session:
        try:
            return self._idle.pop()
        except IndexError:
            return new_session()


def _deadline(seconds: float) -> Mapping[str, str]:
    """The header that tells the service how long this attempt waits; none if it waits longer than can be told."""
    milliseconds = math.ceil(seconds * 1000)
    return {deadline.HEADER: str(milliseconds)} if milliseconds <= deadline.LONGEST_MILLISECONDS else {}


def _bearer(token: str) -> str:
    """The value of the Authorization header. Checked here: an error of requests would contain the token."""
    if not _TOKEN.match(token):
        raise ValueError("The token contains invalid characters, such as a line break.")
    return f"Bearer {token}"
