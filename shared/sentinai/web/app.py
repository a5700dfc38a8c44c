"""A Flask application around declared operations: token, inputs, answer, problem; the same for both services."""

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
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed

from sentinai.documents import strict_json
from sentinai.documents.schemas import require
from sentinai.identity import Identity, TokenVerifier
from sentinai.problems import (
    Finding,
    InvalidDocument,
    MalformedJson,
    MethodNotAllowed,
    MissingToken,
    NotFound,
    Problem,
    TooLarge,
    UnsupportedMediaType,
)
from sentinai.settings import Settings
from sentinai.telemetry import REQUESTS, TRACEPARENT, configure_logging, logger, warn_of_unknown_settings
from sentinai.web import pages, paths
from sentinai.web.operations import Answer, Api, Call, Operation

S = TypeVar("S")
_log = logger("web")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace_id>(?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-|\Z)")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}\Z")
_READ_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[S]):
    """What makes one service of the pair: its name, its own parts, its operations, and how to tell it is well.

    ``session_identity`` finds the caller of a request without a bearer token (the console's cookie), or
    raises; None where there is no such way in. ``readiness`` maps each thing needed to "ok" or what is wrong.
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
        """Every operation, in the order in which they are documented."""
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
        identity = _identify(verifier, service.session_identity)
        if operation.role:
            identity.require(operation.role)
        paths.require(path)
        body = _read_body(operation, limit)
        query = _read_query(operation)
        call = Call(service.services, identity, body, query, _read_headers(operation))
        return _json_response(operation.handler(call, **path))

    return view


def _identify(verifier: TokenVerifier, session_identity: Callable[[], Identity | None] | None) -> Identity:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    identity = None
    if scheme.lower() == "bearer" and token.strip():
        identity = verifier.verify(token.strip())
    elif session_identity is not None:
        identity = session_identity()
    if identity is None:
        raise MissingToken("Send Authorization: Bearer and a token.")
    g.identity = identity
    structlog.contextvars.bind_contextvars(tenant_id=identity.tenant_id, subject=identity.subject)
    return identity


def _read_body(operation: Operation, limit: int) -> Any:
    if operation.body is None:
        return None
    if (request.content_length or 0) > limit:
        raise TooLarge(f"The body has {request.content_length} bytes; at most {limit} are accepted.")
    raw = _receive()
    if len(raw) > limit:
        raise TooLarge(f"The body has {len(raw)} bytes; at most {limit} are accepted.")
    if not raw and operation.body_optional:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(f"The body is declared as {request.mimetype or 'nothing'}.")
    if not raw:
        raise MalformedJson("The body is empty; send a JSON document.")
    body = strict_json.loads(raw)
    require(operation.body, body)
    return body


def _receive() -> bytes:
    """The body.

    Raises:
        MalformedJson: it does not come as HTTP wants it. HTTPException: it exceeds what any operation accepts.
    """
    try:
        return request.stream.read()
    except HTTPException:
        raise
    except Exception as error:  # each server has errors of its own for what is no HTTP
        raise MalformedJson(f"The body could not be received: {error}.") from error


def _read_headers(operation: Operation) -> Mapping[str, str]:
    """Those that the operation declares; a call depends on no other."""
    given = ((name, request.headers.get(name)) for name in operation.request_headers)
    return {name: value for name, value in given if value is not None}


def _read_query(operation: Operation) -> Mapping[str, Any]:
    if operation.query is None:
        return {}
    schema = operation.query()
    lists = {name for name, field in schema.fields.items() if field.__class__.__name__ == "List"}
    given = {name: request.args.getlist(name) if name in lists else request.args[name] for name in request.args}
    try:
        loaded: Mapping[str, Any] = schema.load(given)
    except ValidationError as error:
        found = [
            Finding(f"/{name}", "invalid_parameter", _first_text(texts), _parameter_hint(name, schema.fields))
            for name, texts in sorted(_messages(error).items())
        ]
        raise InvalidDocument(f"Query: {found[0].message} (at {found[0].pointer})", findings=found) from error
    return loaded


def _messages(error: ValidationError) -> Mapping[str, Any]:
    return error.messages if isinstance(error.messages, dict) else {"_": error.messages}


def _first_text(messages: Any) -> str:
    while not isinstance(messages, str):
        messages = next(iter(messages.values() if isinstance(messages, dict) else messages))
    return messages


def _parameter_hint(name: str, known: Mapping[str, Any]) -> str | None:
    return None if name in known else f"Known here: {', '.join(known)}."


def _json_response(answer: Answer) -> Response:
    encoded = strict_json.encode(answer.body)
    return Response(encoded, answer.status, dict(answer.headers), mimetype="application/json")


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.match(given) else _new_request_id()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id, **_trace())


def _trace() -> dict[str, str]:
    """The trace that the caller is in (W3C Trace Context), so that the logs of all services go together."""
    given = request.headers.get("traceparent", "")
    found = _TRACEPARENT.match(given)
    TRACEPARENT.set(given if found else None)
    return {"trace_id": found["trace_id"]} if found else {}


def _new_request_id() -> str:
    """An id to look a request up by. Nothing hangs on its being hard to guess."""
    return f"{random.getrandbits(128):032x}"


def _finish(service_name: str) -> Callable[[Response], Response]:
    def finish(response: Response) -> Response:
        if response.status_code >= 400:
            _take_in_the_rest_after(response)
        response.headers["X-Request-ID"] = g.request_id
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        seconds = time.perf_counter() - g.started
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


def _take_in_the_rest_after(response: Response) -> None:
    """Read what a refusal leaves of the body, up to the largest that any operation accepts, once it is sent.

    Gunicorn hangs up on a body that is left unread, and tells only who tries: the next call of a client that
    keeps its connections would fail. The refusal goes first, for there are clients that wait for it.
    """
    with suppress(HTTPException):
        stream = request.stream

        @response.call_on_close
        def take_in_the_rest() -> None:
            # Nobody is left to be told: a body that breaks off, or is no HTTP, ends the connection anyway.
            with suppress(Exception):
                while stream.read(_READ_AT_ONCE):
                    pass


def answer_problem(problem: Problem) -> Response:
    """A refusal as ``application/problem+json`` (RFC 9457)."""
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
        return answer_problem(TooLarge("The body is larger than any operation here accepts."))
    if isinstance(error, WerkzeugMethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        response = answer_problem(MethodNotAllowed(f"{request.path} takes {allowed}."))
        response.headers["Allow"] = allowed
        return response
    if error.code == 404:
        return answer_problem(NotFound(f"{request.path} is no path of this service."))
    if error.code is not None and 300 <= error.code < 400:
        return Response(error.get_body(), error.code, error.get_headers())
    return answer_problem(MalformedJson(error.description or "The request could not be understood."))


def _answer_unexpected(error: Exception) -> Response:
    _log.error("unexpected_error", exc_info=error)
    return answer_problem(Problem("The fault is logged under this request's id; trying again may help."))
