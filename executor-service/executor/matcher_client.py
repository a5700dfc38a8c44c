"""The executor's way to the matcher: the typed client, tokens of its own, and no trust in the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from sentinai import client
from sentinai.client import ApiProblem, RetryPolicy, ServiceUnavailable
from sentinai.documents.schemas import check
from sentinai.exception_fields import RULE_FIELDS
from sentinai.identity import mint_token
from sentinai.problems import MatcherUnavailable
from sentinai.settings import Settings, SettingsError
from sentinai.telemetry import MATCHER_CALLS, TRACEPARENT

_TOKEN_SECONDS = 600
_RETRY_AFTER_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 1.0


class HttpMatcher:
    """Asks the matcher on behalf of a tenant, with a short-lived token.

    Raises:
        SettingsError: the matcher's address is none.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens: dict[str, tuple[float, str]] = {}
        try:
            self._client = client.MatcherClient(
                settings.matcher_url,
                token="",
                retry_policy=_patience(settings),
                request_id=_request_id,
                traceparent=TRACEPARENT.get,
            )
        except ValueError as error:
            raise SettingsError(f"SENTINAI_MATCHER_URL: {error}") from error

    def match(
        self, tenant_id: str, exception: Mapping[str, Any], as_of: datetime, ranked: int
    ) -> Mapping[str, Any]:
        """The matcher's answer for an exception, as in ``match-response``, with so many ranked playbooks at most.

        Raises:
            MatcherUnavailable: no answer in time, or one that is not what was asked for.
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
        try:
            answer = as_tenant.match_exception(
                {name: exception[name] for name in RULE_FIELDS}, as_of=as_of, limit=ranked
            )
        except ApiProblem as problem:
            raise _unavailable(f"The matcher gave no answer ({problem})") from problem
        found = check("match-response", answer)
        if found:
            raise _unavailable(f"The matcher's answer is not one: {found[0].message}")
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
            return "what answers in the matcher's place is no matcher"
        return "ok" if health["status"] == "ok" else "the matcher is not ready"

    def _token(self, tenant_id: str) -> str:
        now = time.time()
        expires, token = self._tokens.get(tenant_id, (0.0, ""))
        if expires - now < _TOKEN_SECONDS / 10:
            token = mint_token(
                self._settings,
                subject="executor",
                tenant_id=tenant_id,
                roles=["viewer"],
                actor_type="system",
                lifetime_seconds=_TOKEN_SECONDS,
            )
            self._tokens[tenant_id] = (now + _TOKEN_SECONDS, token)
        return token


def _patience(settings: Settings) -> RetryPolicy:
    """A matcher that asks for more time than a caller here would wait is left to the worker."""
    return RetryPolicy(
        connect_seconds=settings.matcher_timeout_seconds,
        read_seconds=settings.matcher_timeout_seconds,
        attempts=settings.matcher_attempts,
        longest_pause_seconds=_LONGEST_PAUSE_SECONDS,
    )


def _request_id() -> str | None:
    """That of the request being served, so that both services' logs tell of it under one id."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def _unavailable(detail: str) -> MatcherUnavailable:
    return MatcherUnavailable(detail, retry_after=_RETRY_AFTER_SECONDS)
