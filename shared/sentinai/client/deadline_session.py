"""HTTP sessions with a deadline for the whole response and a limit on its size.

The read timeout of requests applies to each read by itself: a peer that sends a byte now and then never exceeds
it, and could keep its caller waiting, and fill its memory, indefinitely.
"""

from __future__ import annotations

import io
import socket
import time
from contextlib import suppress
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

MAX_RESPONSE_BYTES = 256 * 2**20
"""Headers included; more than any operation returns."""


def new_session() -> requests.Session:
    """A session whose read timeout covers whole responses, and that ignores the environment.

    Proxies and .netrc entries in the environment are not meant for this client: a token must not be sent there.
    """
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _DeadlineAdapter())
    return session


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until its timeout, counted from now, or the size limit is exceeded."""

    def __init__(self, source: socket.socket) -> None:
        self._socket = source
        self._raw = source.makefile("rb", buffering=0)
        self._timeout = source.gettimeout()
        self._deadline = None if self._timeout is None else time.monotonic() + self._timeout
        self._bytes_left = MAX_RESPONSE_BYTES

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has arrived, or wait for more until the deadline."""
        if self._deadline is not None:
            seconds_left = self._deadline - time.monotonic()
            if seconds_left <= 0:
                raise TimeoutError("the response takes too long")
            self._socket.settimeout(seconds_left)
        count: int | None = self._raw.readinto(buffer)
        self._bytes_left -= count or 0
        if self._bytes_left < 0:
            raise OSError("the response is too large")
        return count

    def close(self) -> None:
        """Leave the socket, with its own timeout, to the next exchange."""
        with suppress(OSError):
            self._socket.settimeout(self._timeout)
        self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    """A response that is read through a deadline reader from its first byte on."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_DeadlineReader(sock))


class _PlainConnection(HTTPConnection):
    response_class = _DeadlineResponse


class _SecureConnection(HTTPSConnection):
    response_class = _DeadlineResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _DeadlineAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
