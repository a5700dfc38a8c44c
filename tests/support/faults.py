"""Faults between a service and its callers: slow, silent, or broken answers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any

from tests.support.threaded import Wsgi
from werkzeug.wrappers import Response


class FaultyApp:
    """A WSGI application in front of another; ``fault`` answers instead of it, or None lets it answer itself."""

    def __init__(self, app: Wsgi) -> None:
        self.app = app
        self.fault: Wsgi | None = None
        self.calls = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        self.calls += 1
        found: Iterable[bytes] = (self.fault or self.app)(environ, start_response)
        return found

    def altered(self, change: Callable[[Any], Any]) -> Wsgi:
        """The service's own answer, with its document changed."""

        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            response = Response.from_app(self.app, environ)
            response.data = json.dumps(change(json.loads(response.data)))
            return response(environ, start_response)

        return answer


def saying(text: str, status: int = 200, **headers: str) -> Wsgi:
    """Always the same answer."""
    return Response(text, status, headers, mimetype="application/json")


def refusing(faulty_app: FaultyApp, text: bytes, refusal: Wsgi | None = None) -> Wsgi:
    """A refusal, by default a failure, of requests that hold some text; the service's own answer to others."""
    refusal = refusal or saying("{}", 500)

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        return (refusal if text in body else faulty_app.app)(environ, start_response)

    return answer


def slow(seconds: float) -> Wsgi:
    """An answer that comes too late."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        time.sleep(seconds)
        return Response("{}")(environ, start_response)

    return answer


def dripping(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """An answer that goes on coming, a little at a time, for longer than anybody would wait."""
    start_response("200 OK", [("Content-Type", "application/json")])
    for _ in range(400):
        yield b" "
        time.sleep(0.05)


def dripping_headers(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The same, before the answer itself has begun."""
    connection = environ["werkzeug.socket"]
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    with suppress(OSError):
        for _ in range(400):
            connection.sendall(b"o")
            time.sleep(0.05)
    return hanging_up(environ, start_response)


def hanging_up(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A connection that breaks."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return Response("")(environ, start_response)
