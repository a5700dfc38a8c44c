"""HTTP sessions whose answers end: as a whole within the read timeout, and within a bound of bytes.

The read timeout of requests holds for each wait by itself. A peer that sends a byte now and then is never late by
it, and would hold its caller, and what it sends in memory, for as long as it likes.
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

MOST_BYTES = 256 * 2**20
"""What one answer may have, headers and all; more than any operation answers."""


def new_session() -> requests.Session:
    """A session that waits for whole answers, and takes nothing from the environment.

    Proxies and .netrc of the environment are for others: a token must not go where they say.
    """
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class _Bounded(io.RawIOBase):
    """What comes out of a socket until its timeout, counted from now, is over."""

    def __init__(self, source: socket.socket) -> None:
        self._socket = source
        self._raw = source.makefile("rb", buffering=0)
        self._timeout = source.gettimeout()
        self._until = None if self._timeout is None else time.monotonic() + self._timeout
        self._room = MOST_BYTES

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what there is, or wait for more while there is time."""
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer takes too long")
            self._socket.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        self._room -= count or 0
        if self._room < 0:
            raise OSError("the answer is too long")
        return count

    def close(self) -> None:
        """Leave the socket, as it was, to the next exchange."""
        with suppress(OSError):
            self._socket.settimeout(self._timeout)
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer that is read from a bounded source, from its first byte on."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Bounded(sock))


class _PlainConnection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
