"""The inputs of a request, as its operation declares them: the caller, the body, the query and the headers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from flask import g, request
from marshmallow import ValidationError, fields
from werkzeug.exceptions import HTTPException

from sentinai import deadline
from sentinai.documents import strict_json
from sentinai.documents.schemas import require
from sentinai.identity import Identity, TokenVerifier
from sentinai.problems import (
    Finding,
    InvalidDocument,
    InvalidQuery,
    MalformedJson,
    MissingToken,
    TooLarge,
    UnsupportedMediaType,
)
from sentinai.web.operations import Operation

MAX_CONTEXT_DEPTH = 64
"""The context's own levels. In a batch to match, or in a page of events, there are up to six more around it."""
_MILLISECONDS = re.compile(r"[0-9]{1,8}\Z")


def identify(verifier: TokenVerifier, session_identity: Callable[[], Identity | None] | None) -> Identity:
    """The caller, by the bearer token or else by the browser session.

    Raises:
        MissingToken: there is neither. InvalidToken: the token is not valid.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    identity = None
    if scheme.lower() == "bearer" and token.strip():
        identity = verifier.verify(token.strip())
    elif session_identity is not None:
        identity = session_identity()
    if identity is None:
        raise MissingToken("Send a token in the header Authorization: Bearer <token>.")
    g.identity = identity
    structlog.contextvars.bind_contextvars(tenant_id=identity.tenant_id, subject=identity.subject)
    return identity


def read_body(operation: Operation, limit: int) -> Any:
    """The JSON body, valid by the operation's schema; None if the operation has no body.

    Raises:
        Problem: it is larger than ``limit`` bytes, not JSON, or not valid.
    """
    if operation.body is None:
        return None
    _require_size(request.content_length or 0, limit)
    raw = _receive()
    _require_size(len(raw), limit)
    if not raw and operation.body_optional:
        return {}
    if request.mimetype != "application/json":
        declared = f"is {request.mimetype}" if request.mimetype else "is missing"
        raise UnsupportedMediaType(f"The Content-Type of the body {declared}; it must be application/json.")
    if not raw:
        raise MalformedJson("The body is empty; send a JSON document.")
    body = strict_json.loads(raw)
    require(operation.body, body)
    return body


def _require_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"The body has {size} bytes; the limit is {limit}.")


def require_context(exception: Mapping[str, Any], limit: int, pointer: str = "") -> None:
    """Insist that an exception's context is small enough for rules to see it, and for what contains it.

    Raises:
        TooLarge: its ``normalized_context`` has more than ``limit`` bytes as compact JSON.
        InvalidDocument: it is nested deeper than ``MAX_CONTEXT_DEPTH``.
    """
    encoded = strict_json.encode(exception.get("normalized_context"))
    if strict_json.is_deeper(encoded.decode(), MAX_CONTEXT_DEPTH):
        message = f"normalized_context is nested deeper than {MAX_CONTEXT_DEPTH} levels."
        found = Finding(f"{pointer}/normalized_context", "context_too_deep", message)
        raise InvalidDocument(message, findings=[found])
    size = len(encoded)
    if size > limit:
        message = f"normalized_context has {size} bytes as compact JSON; the limit is {limit}."
        hint = "Send what rules need, and refer to the rest."
        found = Finding(f"{pointer}/normalized_context", "context_too_large", message, hint)
        raise TooLarge(f"{message} {hint}", findings=[found])


def _receive() -> bytes:
    try:
        return request.stream.read()
    except HTTPException:
        raise
    except Exception as error:  # each server has its own errors for malformed HTTP
        raise MalformedJson(f"The body could not be received: {error}.") from error


def read_headers(operation: Operation) -> Mapping[str, str]:
    """The headers that the operation declares; a call depends on no others."""
    given = ((name, request.headers.get(name)) for name in operation.request_headers)
    return {name: value for name, value in given if value is not None}


def read_patience() -> float:
    """How many milliseconds the caller will wait, by the header that says so; infinite without it.

    Raises:
        InvalidQuery: the header is not a whole number of milliseconds that is allowed.
    """
    given = request.headers.get(deadline.HEADER)
    if given is None:
        return math.inf
    if not _MILLISECONDS.match(given) or not 1 <= int(given) <= deadline.LONGEST_MILLISECONDS:
        message = (
            f"{deadline.HEADER} must be a whole number of milliseconds, 1 to {deadline.LONGEST_MILLISECONDS}."
        )
        found = Finding(f"/header/{deadline.HEADER}", "invalid_parameter", message, actual=given[:80])
        raise InvalidQuery(message, findings=[found])
    return int(given)


def read_query(operation: Operation) -> Mapping[str, Any]:
    """The query parameters, converted by the operation's query schema.

    Raises:
        InvalidQuery: a parameter is unknown or not valid.
    """
    if operation.query is None:
        return {}
    schema = operation.query()
    known = schema.fields
    lists = {name for name, field in known.items() if isinstance(field, fields.List)}
    given = {name: request.args.getlist(name) if name in lists else request.args[name] for name in request.args}
    try:
        loaded: Mapping[str, Any] = schema.load(given)
    except ValidationError as error:
        hint = f"Known parameters: {', '.join(known)}."
        findings = [
            Finding(f"/query/{name}", "invalid_parameter", _first_text(messages), None if name in known else hint)
            for name, messages in sorted(error.messages_dict.items())
        ]
        detail = f"Query: {findings[0].message} (at {findings[0].pointer})"
        raise InvalidQuery(detail, findings=findings) from error
    return loaded


def _first_text(messages: Any) -> str:
    while not isinstance(messages, str):
        messages = next(iter(messages.values() if isinstance(messages, dict) else messages))
    return messages
