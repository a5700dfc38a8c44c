"""Access to the console: sessions by cookie, signing in by a link, signing out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from executor.bootstrap import Services
from executor.web.console import sign_in
from sentinai.documents import strict_json
from sentinai.identity import Identity, TokenVerifier
from sentinai.problems import TooLarge
from sentinai.web import session

EXTENSION = "executor.console"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SIGN_IN_BYTES = 16_384
_PUBLIC = ("console.sign_in_page", "console.open_session", "console.static")


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages need."""

    services: Services
    verifier: TokenVerifier


def services() -> Services:
    """The executor's services, of the current application."""
    return _console().services


def _console() -> Console:
    console: Console = current_app.extensions[EXTENSION]
    return console


def guard(pages: Blueprint) -> None:
    """Require a session for the pages, and set the security headers."""
    pages.before_request(_require_session)
    pages.after_request(_protect)
    pages.context_processor(_shared_values)
    pages.add_url_rule("/sign-in", "sign_in_page", _sign_in_page, methods=["GET"])
    pages.add_url_rule("/session", "open_session", _open_session, methods=["POST"])
    pages.add_url_rule("/sign-out", "sign_out", _sign_out, methods=["POST"])


def _require_session() -> AnyResponse | None:
    current = session.current(_console().verifier)
    if current is not None:
        g.person, token = current
        g.csrf_token = session.csrf_token(token)
        return None
    if request.endpoint in _PUBLIC:
        return None
    return redirect(
        url_for(
            "console.sign_in_page",
            expired=1 if session.COOKIE in request.cookies else None,
            next=request.full_path.rstrip("?") if request.method == "GET" else None,
        )
    )


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _shared_values() -> dict[str, Any]:
    person: Identity | None = g.get("person")
    return {
        "person": person,
        "csrf_token": g.get("csrf_token", ""),
        "may_work": person is not None and person.has("operator"),
        "may_write_rules": person is not None and person.has("author"),
        "workbench_url": f"{services().settings.matcher_url}/workbench",
    }


def _sign_in_page() -> str:
    return render_template("console/sign_in.html", expired="expired" in request.args)


def _open_session() -> Response:
    """Exchange the token of a sign-in link for a session. There is no CSRF token yet: the link is the secret."""
    session.require_own_origin()
    # The caller is nobody yet, so little is read. A body without a declared length is cut off at the maximum.
    request.max_content_length = _SIGN_IN_BYTES + 1
    raw = request.get_data()
    if len(raw) > _SIGN_IN_BYTES:
        raise TooLarge(f"The body is too large; the limit is {_SIGN_IN_BYTES}.")
    body = strict_json.loads(raw)
    link_token = body.get("token") if isinstance(body, dict) else None
    console = _console()
    token = sign_in.session_token(console.services, console.verifier, str(link_token or ""))
    response = Response(strict_json.dumps({"next": url_for("console.queue")}), mimetype="application/json")
    session.set_cookie(response, console.services.settings, token)
    return response


def _sign_out() -> AnyResponse:
    """End the session. A page of an earlier session only gets the queue of this one."""
    if request.form.get("csrf_token") != g.csrf_token:
        return redirect(url_for("console.queue"))
    response = redirect(url_for("console.sign_in_page"))
    response.delete_cookie(session.COOKIE)
    return response
