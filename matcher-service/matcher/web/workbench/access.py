"""Access to the workbench: for authors, by the session of the executor's console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app, g, render_template, request

from matcher.bootstrap import Services
from sentinai.identity import Identity, TokenVerifier
from sentinai.problems import ExpiredToken, Forbidden, MissingToken
from sentinai.web import session

EXTENSION = "matcher.workbench"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_STATIC = "workbench.static"
_PAGE = "workbench.page"


@dataclass(frozen=True, slots=True)
class Workbench:
    """The dependencies of the pages."""

    services: Services
    verifier: TokenVerifier


def services() -> Services:
    """The matcher's dependencies, from the current application."""
    return _workbench().services


def _workbench() -> Workbench:
    found: Workbench = current_app.extensions[EXTENSION]
    return found


def guard(pages: Blueprint) -> None:
    """Admit only authors, show everyone else how to sign in, and set security headers on every page."""
    pages.before_request(_require_author)
    pages.after_request(_protect)
    pages.context_processor(_shared_values)


def _require_author() -> Response | None:
    """None to continue. A person is shown how to sign in; a script receives a problem."""
    if request.endpoint == _STATIC:
        return None
    found = session.current(_workbench().verifier)
    if found is not None:
        g.person, token = found
        g.csrf_token = session.csrf_token(token)
    if found is not None and g.person.has("author"):
        return None
    if request.endpoint == _PAGE:
        return Response(
            render_template("workbench/access.html", expired=_has_session_cookie()), _refusal(found).status
        )
    raise _refusal(found)


def _refusal(found: tuple[Identity, str] | None) -> MissingToken | ExpiredToken | Forbidden:
    if found is not None:
        return Forbidden("The workbench requires the role author.")
    if _has_session_cookie():
        return ExpiredToken("The session has expired; sign in again.")
    return MissingToken("Sign in to the console first.")


def _has_session_cookie() -> bool:
    return session.COOKIE in request.cookies


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _shared_values() -> dict[str, Any]:
    return {
        "person": g.get("person"),
        "csrf_token": g.get("csrf_token", ""),
        "console_url": f"{services().settings.executor_url}/console",
    }
