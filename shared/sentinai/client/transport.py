"""One exchange with a service: a session a thread, timeouts, tries, a request id; no trust in the answer."""

from __future__ import annotations

import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests

from sentinai.client import problems
from sentinai.client.deadline_session import new_session
from sentinai.client.retry_policy import WORTH_ANOTHER_TRY, RetryPolicy
from sentinai.documents import strict_json
from sentinai.problems import MalformedJson

_BASE_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?\Z")
_VISIBLE = re.compile(r"[\x21-\x7e]+\Z")
Outcome = requests.Response | requests.RequestException


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What to send. ``repeatable``: trying again does no more than trying once.

    ``token`` is asked for anew at each try. ``wait`` is how many seconds the service may hold its answer.
    """

    method: str
    path: str
    token: Callable[[], str] = field(repr=False)
    body: Any = field(default=None, repr=False)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    wait: float = 0.0
    request_id: str = field(default_factory=lambda: uuid4().hex)


class Transport:
    """Talks to one service. Any thread may use it: each has a session, and so connections, of its own.

    Raises:
        ValueError: ``base_url`` is not one of HTTP.
    """

    def __init__(self, base_url: str, retry_policy: RetryPolicy) -> None:
        if not _BASE_URL.match(base_url):
            raise ValueError(f"{base_url!r} is no address of a service; it begins with http:// or https://")
        self._base_url = base_url.rstrip("/")
        self._patience = retry_policy
        self._own = threading.local()
        # Weakly: the session of a thread that has ended goes with it.
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()

    def document(self, exchange: Exchange) -> Any:
        """The document answered.

        Raises:
            ApiProblem: it was refused, no answer came, or one that cannot be used.
        """
        answer = self.answer(exchange)
        if not 200 <= answer.status_code < 300:
            raise problems.refusal(answer, exchange.request_id)
        try:
            document = strict_json.loads(answer.content)
        except MalformedJson as error:
            raise problems.unusable(answer, error.detail, exchange.request_id) from error
        if not isinstance(document, dict):
            raise problems.unusable(answer, "It is JSON, but no object.", exchange.request_id)
        return document

    def answer(self, exchange: Exchange) -> requests.Response:
        """The answer of the last try, whatever its status.

        Raises:
            ServiceUnavailable: no answer came.
        """
        attempt = 1
        outcome = self._try(exchange)
        while (pause := self._pause(exchange, attempt, outcome)) is not None:
            time.sleep(pause)
            attempt += 1
            outcome = self._try(exchange)
        if isinstance(outcome, requests.RequestException):
            raise problems.unreachable(outcome, exchange.request_id) from outcome
        return outcome

    def close(self) -> None:
        """Close the connections of all threads."""
        for session in list(self._sessions):
            session.close()
        self._own = threading.local()

    def _try(self, exchange: Exchange) -> Outcome:
        headers = {"X-Request-ID": exchange.request_id, **exchange.headers}
        if token := exchange.token():
            headers["Authorization"] = _bearer(token)
        body = None
        if exchange.body is not None:
            body = strict_json.encode(exchange.body)
            headers["Content-Type"] = "application/json"
        try:
            return self._session().request(
                exchange.method,
                self._base_url + exchange.path,
                params=dict(exchange.query),
                data=body,
                headers=headers,
                timeout=(self._patience.connect_seconds, self._patience.read_seconds + exchange.wait),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            if isinstance(error, ValueError):
                # A header that cannot be sent, for one: a mistake of the caller, not a service that is away.
                raise
            return error

    def _pause(self, exchange: Exchange, attempt: int, outcome: Outcome) -> float | None:
        if not exchange.repeatable:
            return None
        asked = None
        if isinstance(outcome, requests.Response):
            if outcome.status_code not in WORTH_ANOTHER_TRY:
                return None
            asked = problems.retry_after(outcome)
        return self._patience.pause(attempt, asked, random.random())  # noqa: S311 - jitter, not a secret

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = new_session()
            self._sessions.add(session)
        return session


def _bearer(token: str) -> str:
    """The header's value. Checked here: requests would tell a token that it cannot send."""
    if not _VISIBLE.match(token):
        raise ValueError("The token has characters that no token has, such as a line break.")
    return f"Bearer {token}"
