"""The executor's client of the matcher: short-lived tokens of its own, and every answer is validated."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any

import structlog
from cachetools import LRUCache, cached

from sentinai import client, deadline
from sentinai.client import ApiProblem, RetryPolicy, ServiceUnavailable
from sentinai.documents.schemas import check
from sentinai.exception_fields import RULE_FIELDS
from sentinai.identity import CLOCK_LEEWAY_SECONDS, mint_token
from sentinai.problems import MatcherUnavailable, MatchRejected, MatchTooLate
from sentinai.settings import Settings, SettingsError
from sentinai.telemetry import MATCHER_CALLS, TRACEPARENT

_TOKEN_SECONDS = 600
_TENANTS = 1024
"""Tenants whose tokens are cached."""
_RETRY_AFTER_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 1.0
_SHARE = 0.75
"""Of the time that a caller still waits, the share in which the matcher must answer."""
_REJECTIONS = (400, 409, 413, 422)
"""Statuses that are about the exception that was sent, not about the matcher or the token."""


class HttpMatcher:
    """Asks the matcher on behalf of a tenant, with a short-lived token.

    Raises:
        SettingsError: the matcher's URL is not valid.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token_of_period = cached(LRUCache(_TENANTS), lock=Lock())(self._mint_token)
        try:
            self._client = client.MatcherClient(
                settings.matcher_url,
                token="",
                retry_policy=_retry_policy(settings),
                request_id=_request_id,
                traceparent=TRACEPARENT.get,
                seconds_left=_seconds_left,
            )
        except ValueError as error:
            raise SettingsError(f"SENTINAI_MATCHER_URL: {error}") from error

    def match(
        self, tenant_id: str, exception: Mapping[str, Any], as_of: datetime, ranked: int
    ) -> Mapping[str, Any]:
        """The matcher's answer for an exception, a ``match-response`` with at most ``ranked`` playbooks.

        Raises:
            MatcherUnavailable: no answer in time, or one that is not valid.
        """
        try:
            answer = self._ask(tenant_id, exception, as_of, ranked)
        except MatcherUnavailable:
            MATCHER_CALLS.labels("unavailable").inc()
            raise
        MATCHER_CALLS.labels("answered").inc()
        return answer

    def choices(
        self, tenant_id: str, exceptions: Sequence[Mapping[str, Any]], as_of: datetime
    ) -> Sequence[Mapping[str, Any] | None]:
        """For each exception a ``match-choice``; None for one that it refuses. Raises as ``match`` does."""
        return self._ask_many(tenant_id, exceptions, "match-choice", as_of=as_of, detail="choice")

    def matches(
        self, tenant_id: str, exceptions: Sequence[Mapping[str, Any]], as_of: datetime, ranked: int
    ) -> Sequence[Mapping[str, Any] | None]:
        """For each exception a ``match-response``; None for one that it refuses. Raises as ``match`` does."""
        return self._ask_many(tenant_id, exceptions, "match-response", as_of=as_of, limit=ranked)

    def _ask(
        self, tenant_id: str, exception: Mapping[str, Any], as_of: datetime, ranked: int
    ) -> Mapping[str, Any]:
        as_tenant = self._client.with_token(lambda: self._token(tenant_id))
        with _translated():
            answer = as_tenant.match_exception(_known(exception), as_of=as_of, limit=ranked)
        _require_answer("match-response", answer, exception)
        return answer

    def _ask_many(
        self, tenant_id: str, exceptions: Sequence[Mapping[str, Any]], schema: str, **options: Any
    ) -> Sequence[Mapping[str, Any] | None]:
        as_tenant = self._client.with_token(lambda: self._token(tenant_id))
        with _translated():
            results = as_tenant.match_batch([_known(each) for each in exceptions], **options)["results"]
        answers = [None if "code" in result else result for result in results]
        for exception, answer in zip(exceptions, answers, strict=True):
            if answer is not None:
                _require_answer(schema, answer, exception)
        return answers

    def is_ready(self) -> str:
        """``"ok"`` when the matcher says that it is ready, or what is wrong."""
        try:
            health = self._client.readiness()
        except ServiceUnavailable as problem:
            return f"the matcher cannot be reached: {problem.detail}"
        except ApiProblem:
            return "the service at SENTINAI_MATCHER_URL is not a matcher"
        return "ok" if health["status"] == "ok" else "the matcher is not ready"

    def _token(self, tenant_id: str) -> str:
        """The tenant's token for this period of the wall clock.

        After the clock has been set, forward or back, it is another period, so the token is minted again. Within
        a period, a token is at most the leeway too early.
        """
        return self._token_of_period(tenant_id, int(time.time() // CLOCK_LEEWAY_SECONDS))

    def _mint_token(self, tenant_id: str, _period: int) -> str:
        return mint_token(
            self._settings,
            subject="executor",
            tenant_id=tenant_id,
            roles=["viewer"],
            actor_type="system",
            lifetime_seconds=_TOKEN_SECONDS,
        )


def _known(exception: Mapping[str, Any]) -> dict[str, Any]:
    return {name: exception[name] for name in RULE_FIELDS}


@contextmanager
def _translated() -> Iterator[None]:
    """Tell the matcher's refusals from those that are about the matcher itself."""
    until = time.monotonic() + _seconds_left()
    try:
        yield
    except ApiProblem as problem:
        if problem.status in _REJECTIONS:
            raise MatchRejected(
                f"The matcher does not accept this exception ({problem})", retry_after=_RETRY_AFTER_SECONDS
            ) from problem
        detail = f"The matcher did not answer ({problem})"
        if time.monotonic() >= until:
            raise MatchTooLate(f"{detail} in the time that the caller gave it.") from problem
        raise _unavailable(detail) from problem


def _require_answer(schema: str, answer: Mapping[str, Any], exception: Mapping[str, Any]) -> None:
    found = check(schema, answer)
    if found:
        raise _unavailable(f"The matcher's answer is not valid: {found[0].message}")
    if answer["exception_id"] != exception["exception_id"]:
        raise _unavailable("The matcher's answer is about another exception.")


def _retry_policy(settings: Settings) -> RetryPolicy:
    """Short pauses only: a matcher that asks for more time than a caller would wait is left to the worker."""
    return RetryPolicy(
        connect_seconds=settings.matcher_timeout_seconds,
        read_seconds=settings.matcher_timeout_seconds,
        attempts=settings.matcher_attempts,
        longest_pause_seconds=_LONGEST_PAUSE_SECONDS,
    )


def _request_id() -> str | None:
    """The id of the request being served, so that it is the same in the logs of both services."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def _seconds_left() -> float:
    """How long the caller of the current request lets the matcher work: the rest is for storing the outcome."""
    return deadline.seconds_left() * _SHARE


def _unavailable(detail: str) -> MatcherUnavailable:
    return MatcherUnavailable(detail, retry_after=_RETRY_AFTER_SECONDS)
