"""Browser sessions: a signed token in a cookie, and a CSRF token that scripts must send back.

The executor's console signs people in; the matcher's workbench accepts the same cookie, since browsers send
cookies to every port of a host.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Response, request

from sentinai.identity import Identity, TokenVerifier
from sentinai.problems import Forbidden, Problem
from sentinai.settings import Settings

COOKIE = "sentinai_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def session_identity(verifier: TokenVerifier) -> Callable[[], Identity | None]:
    """A function that identifies the caller by the session cookie; unsafe methods need the CSRF token too."""

    def identify() -> Identity | None:
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        identity = verifier.verify(token)
        if request.method not in _SAFE_METHODS and not _has_csrf_token(token):
            raise Forbidden(f"In a browser session, {request.method} requests need the header {CSRF_HEADER}.")
        return identity

    return identify


def current(verifier: TokenVerifier) -> tuple[Identity, str] | None:
    """The signed-in person and the session's token; None without a valid session."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    try:
        return verifier.verify(token), token
    except Problem:
        return None


def csrf_token(session_token: str) -> str:
    """The CSRF token of a session, which is of no use without the session's cookie."""
    return hashlib.sha256(b"csrf:" + session_token.encode()).hexdigest()


def require_own_origin() -> None:
    """Refuse a request that a page of another site makes. Other clients than browsers name no origin.

    Raises:
        Forbidden: it is another's.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site in ("same-origin", "none") if site else not origin or urlsplit(origin).netloc == request.host
    if not is_own:
        raise Forbidden("A page of another site must not sign anybody in here. Open the link itself.")


def set_cookie(response: Response, settings: Settings, token: str) -> None:
    """Set the session cookie."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(settings.session_hours * 3600),
        httponly=True,
        samesite="Strict",
        secure=settings.cookie_secure,
        path="/",
    )


def _has_csrf_token(session_token: str) -> bool:
    given = request.headers.get(CSRF_HEADER, "")
    return hmac.compare_digest(given.encode(), csrf_token(session_token).encode())
