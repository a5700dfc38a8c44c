"""The Flask application of a service: its declared operations, problem responses and request log."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed

from sentinai import deadline
from sentinai.documents import strict_json
from sentinai.identity import Identity, TokenVerifier
from sentinai.problems import MalformedJson, MethodNotAllowed, NotFound, Problem, TooLarge
from sentinai.settings import Settings
from sentinai.telemetry import REQUESTS, TRACEPARENT, configure_logging, logger, warn_of_unknown_settings
from sentinai.web import inputs, pages, paths
from sentinai.web.operations import Answer, Api, Call, Operation

S = TypeVar("S")
_log = logger("web")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace_id>(?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-|\Z)")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}\Z")
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[S]):
    """A service: its name, its dependencies (``services``), its operations and its readiness.

    ``session_identity`` identifies the caller of a request without a bearer token, by the console's cookie; None
    if the service has no browser sessions. ``readiness`` maps each dependency to "ok" or what is wrong with it.
    """

    name: str
    title: str
    description: str
    version: str
    services: S
    apis: Sequence[Api[S]]
    readiness: Callable[[], Mapping[str, str]]
    session_identity: Callable[[], Identity | None] | None = None

    @property
    def operations(self) -> list[Operation]:
        """Every operation, in the order of the documentation."""
        return [operation for api in self.apis for operation in api.operations]


def create_app(service: Service[S], settings: Settings) -> Flask:
    """The WSGI application of a service."""
    configure_logging(service.name, settings.log_level)
    warn_of_unknown_settings()
    app = Flask(service.name, static_folder=None)
    app.url_map.strict_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = settings.batch_body_limit_bytes
    verifier = TokenVerifier(settings)
    for operation in service.operations:
        view = _view(operation, service, settings, verifier)
        app.add_url_rule(paths.rule(operation.path), operation.name, view, methods=[operation.method])
    app.register_blueprint(pages.blueprint(service))
    app.before_request(_begin)
    app.after_request(_finish(service.name))
    app.register_error_handler(Problem, answer_problem)
    app.register_error_handler(HTTPException, _answer_http_exception)
    app.register_error_handler(Exception, _answer_unexpected)
    return app


def _view(
    operation: Operation, service: Service[S], settings: Settings, verifier: TokenVerifier
) -> Callable[..., Response]:
    limit: int = getattr(settings, operation.body_limit)

    def view(**path: Any) -> Response:
        identity = inputs.identify(verifier, service.session_identity)
        if operation.role:
            identity.require(operation.role)
        paths.require(path)
        deadline.start(g.received, inputs.read_patience())
        query = inputs.read_query(operation)
        body = inputs.read_body(operation, limit)
        call = Call(service.services, identity, body, query, inputs.read_headers(operation))
        deadline.check()
        return _json_response(operation.handler(call, **path))

    return view


def _json_response(answer: Answer) -> Response:
    encoded = strict_json.encode(answer.body)
    return Response(encoded, answer.status, dict(answer.headers), mimetype="application/json")


def _begin() -> None:
    g.received = time.monotonic()
    deadline.start(g.received)
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.match(given) else _new_request_id()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id, **_trace())


def _trace() -> dict[str, str]:
    """The caller's trace (W3C Trace Context), so that the logs of all services can be joined."""
    given = request.headers.get("traceparent", "")
    found = _TRACEPARENT.match(given)
    TRACEPARENT.set(given if found else None)
    return {"trace_id": found["trace_id"]} if found else {}


def _new_request_id() -> str:
    """An id to find a request by. It need not be hard to guess."""
    return f"{random.getrandbits(128):032x}"


def _finish(service_name: str) -> Callable[[Response], Response]:
    def finish(response: Response) -> Response:
        if response.status_code >= 400:
            _drain_body_after(response)
        response.headers["X-Request-ID"] = g.request_id
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        seconds = time.monotonic() - g.received
        operation = request.endpoint or "none"
        REQUESTS.labels(service_name, operation, str(response.status_code)).observe(seconds)
        _log.info(
            "request",
            method=request.method,
            path=request.path,
            operation=operation,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 2),
        )
        structlog.contextvars.clear_contextvars()
        return response

    return finish


def _drain_body_after(response: Response) -> None:
    """Read the rest of a refused request's body, up to the largest accepted size, after sending the response.

    Gunicorn closes a connection with an unread body without announcing it, so the next call of a client that
    keeps its connections alive would fail. The response is sent first because some clients wait for it.
    """
    with suppress(HTTPException):
        stream = request.stream

        @response.call_on_close
        def drain() -> None:
            # The response is sent, and an incomplete or malformed body ends the connection anyway.
            with suppress(Exception):
                while stream.read(_CHUNK_BYTES):
                    pass


def answer_problem(problem: Problem) -> Response:
    """The ``application/problem+json`` response (RFC 9457) of a problem."""
    response = Response(
        strict_json.dumps(problem.to_json(request.path)), problem.status, mimetype="application/problem+json"
    )
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer_http_exception(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return answer_problem(TooLarge("The body is larger than any operation accepts."))
    if isinstance(error, WerkzeugMethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        response = answer_problem(MethodNotAllowed(f"{request.path} supports only {allowed}."))
        response.headers["Allow"] = allowed
        return response
    if error.code == 404:
        return answer_problem(NotFound(f"{request.path} is not a path of this service."))
    if error.code is not None and 300 <= error.code < 400:
        return Response(error.get_body(), error.code, error.get_headers())
    return answer_problem(MalformedJson(error.description or "The request could not be understood."))


def _answer_unexpected(error: Exception) -> Response:
    _log.error("unexpected_error", exc_info=error)
    return answer_problem(Problem("The error is logged under this request's id. Retrying may help."))
