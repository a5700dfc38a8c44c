"""The executor's way to the matcher: over HTTP, with a timeout, a few tries, and no trust in the answer."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests

from sentinai import strict_json
from sentinai.clock import format_time
from sentinai.documents import check
from sentinai.identity import mint_token
from sentinai.problems import MalformedJson, MatcherUnavailable
from sentinai.settings import Settings

RANKED = 10
_TOKEN_SECONDS = 600
_RETRIED = frozenset({429, 500, 502, 503, 504})
_RETRY_AFTER_SECONDS = 5


class MatcherClient:
    """Asks the matcher on behalf of a tenant, with a short-lived token of the executor's own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sessions = threading.local()
        self._tokens: dict[str, tuple[float, str]] = {}

    def match(self, tenant_id: str, exception: Mapping[str, Any], as_of: datetime) -> Mapping[str, Any]:
        """The matcher's answer for an exception, as in ``match-response``.

        Raises:
            MatcherUnavailable: no answer in time, or one that is not what was asked for.
        """
        body = {"exception": _asked(exception), "as_of": format_time(as_of), "limit": RANKED}
        answer: Mapping[str, Any] = self._post(tenant_id, "/api/match", strict_json.dumps(body).encode())
        found = check("match-response", answer)
        if found or answer["exception_id"] != exception["exception_id"]:
            raise MatcherUnavailable(
                "The matcher's answer is not one: "
                + (found[0].message if found else "it is about another exception."),
                retry_after=_RETRY_AFTER_SECONDS,
            )
        return answer

    def is_ready(self) -> str:
        """``"ok"`` when the matcher says that it is ready, or what is wrong."""
        try:
            answer = self._session().get(
                f"{self._settings.matcher_url}/readyz", timeout=self._settings.matcher_timeout_seconds
            )
        except requests.RequestException as error:
            return f"the matcher cannot be reached ({type(error).__name__})"
        return "ok" if answer.status_code == requests.codes.ok else "the matcher is not ready"

    def _post(self, tenant_id: str, path: str, body: bytes) -> Any:
        """Matching changes nothing, so it is safe to try again."""
        trouble = ""
        for attempt in range(self._settings.matcher_attempts):
            if attempt:
                time.sleep(random.uniform(0.5, 1) * 0.05 * 2**attempt)  # noqa: S311 - jitter, not a secret
            try:
                answer = self._session().post(
                    self._settings.matcher_url + path,
                    data=body,
                    headers={
                        "Authorization": f"Bearer {self._token(tenant_id)}",
                        "Content-Type": "application/json",
                    },
                    timeout=self._settings.matcher_timeout_seconds,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                trouble = type(error).__name__
                continue
            if answer.status_code not in _RETRIED:
                return _content(answer)
            trouble = f"status {answer.status_code}"
        raise MatcherUnavailable(
            f"The matcher did not answer in {self._settings.matcher_attempts} tries ({trouble}).",
            retry_after=_RETRY_AFTER_SECONDS,
        )

    def _session(self) -> requests.Session:
        """One session a thread: connections are kept, and requests' sessions are not shared."""
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
            session.trust_env = False
        return session

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


def _asked(exception: Mapping[str, Any]) -> dict[str, Any]:
    """What of the stored exception the matcher's request takes."""
    return {key: value for key, value in exception.items() if key in _ASKED}


_ASKED = frozenset(
    {
        "exception_id",
        "tenant_id",
        "domain",
        "exception_type",
        "severity",
        "status",
        "source_system",
        "entity",
        "amount",
        "owner",
        "created_at",
        "sla_deadline",
        "normalized_context",
    }
)


def _content(answer: requests.Response) -> Any:
    trouble = f"status {answer.status_code}"
    if answer.status_code == requests.codes.ok:
        try:
            return strict_json.loads(answer.content)
        except MalformedJson as error:
            trouble = error.detail
    raise MatcherUnavailable(f"The matcher's answer cannot be used ({trouble}).", retry_after=_RETRY_AFTER_SECONDS)
