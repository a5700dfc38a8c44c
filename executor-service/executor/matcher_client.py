"""The executor's client of the matcher: short-lived tokens of its own, and every answer is validated."""

from __future__ import annotations

import time
from collections.abc import Mapping
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

    def _ask(
        self, tenant_id: str, exception: Mapping[str, Any], as_of: datetime, ranked: int
    ) -> Mapping[str, Any]:
        as_tenant = self._client.with_token(lambda: self._token(tenant_id))
        until = time.monotonic() + _seconds_left()
        try:
            answer = as_tenant.match_exception(
                {name: exception[name] for name in RULE_FIELDS}, as_of=as_of, limit=ranked
            )
        except ApiProblem as problem:
            if problem.status in _REJECTIONS:
                raise MatchRejected(
                    f"The matcher does not accept this exception ({problem})", retry_after=_RETRY_AFTER_SECONDS
                ) from problem
            detail = f"The matcher did not answer ({problem})"
            if time.monotonic() >= until:
                raise MatchTooLate(f"{detail} in the time that the caller gave it.") from problem
            raise _unavailable(detail) from problem
        found = check("match-response", answer)
        if found:
            raise _unavailable(f"The matcher's answer is not valid: {found[0].message}")
        if answer["exception_id"] != exception["exception_id"]:
            raise _unavailable("The matcher's answer is about another exception.")
        return answer

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
