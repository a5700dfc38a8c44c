"""Browser sessions: a signed token in a cookie, and a second one that scripts must send back (CSRF).

The executor's console signs people in; the matcher's workbench knows the same cookie, for cookies do not
tell ports apart.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from flask import Response, request

from sentinai.identity import Identity, TokenVerifier
from sentinai.problems import Forbidden, Problem
from sentinai.settings import Settings

COOKIE = "sentinai_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def session_identity(verifier: TokenVerifier) -> Callable[[], Identity | None]:
    """Finds the caller by the session cookie; a call that changes something must carry the CSRF token too."""

    def identify() -> Identity | None:
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        identity = verifier.verify(token)
        if request.method not in _SAFE_METHODS and not _has_csrf_token(token):
            raise Forbidden(f"A browser session changes things only with the header {CSRF_HEADER}.")
        return identity

    return identify


def current(verifier: TokenVerifier) -> tuple[Identity, str] | None:
    """The signed-in person and the session's token; None where there is no session, or it is over."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    try:
        return verifier.verify(token), token
    except Problem:
        return None


def csrf_token(session_token: str) -> str:
    """The value that a page's script sends back: bound to the session, useless without its cookie."""
    return hashlib.sha256(b"csrf:" + session_token.encode()).hexdigest()


def set_cookie(response: Response, settings: Settings, token: str) -> None:
    """Give the browser its session."""
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
