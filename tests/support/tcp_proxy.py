"""TCP proxies that get in the way: one goes silent, another loses answers."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import make_url


class TcpProxy:
    """Passes everything on, in both directions, between its own ``port`` and another address."""

    def __init__(self, upstream: str | tuple[str, int]) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []

    def __enter__(self) -> Any:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: Any) -> None:
        for end in (self._listener, *self._ends):
            _hang_up(end)
            end.close()
        self._accepting.join(20)

    def pass_on(self, data: bytes, target: socket.socket, *, is_answer: bool) -> None:
        """What becomes of some bytes; an OSError ends the connection."""
        target.sendall(data)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX if isinstance(self._upstream, str) else socket.AF_INET)
                self._ends += (client, server)
                try:
                    server.connect(self._upstream)
                except OSError:
                    _hang_up(client)
                    continue
                for pair in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.pass_on(data, target, is_answer=is_answer)
        _hang_up(target)
        _hang_up(source)


class SilentProxy(TcpProxy):
    """Before a PostgreSQL on a Unix socket; it can go silent: it reads on, and passes nothing on.

    ``url`` is the database of the given URL, by way of the proxy.
    """

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        super().__init__(f"{url.query['host']}/.s.PGSQL.5432")
        self.url = url.set(host="127.0.0.1", port=self.port, query={}).render_as_string(hide_password=False)
        self._is_passing = threading.Event()
        self._is_passing.set()

    def go_silent(self) -> None:
        """Pass nothing on any more, on any connection; what arrives is still acknowledged."""
        self._is_passing.clear()

    def speak_again(self) -> None:
        """Serve new connections again. Those that were silent have lost what was sent."""
        self._is_passing.set()

    def pass_on(self, data: bytes, target: socket.socket, *, is_answer: bool) -> None:
        if self._is_passing.is_set():
            target.sendall(data)


class LossyProxy(TcpProxy):
    """Before a service at a URL; some connections break when the answer arrives, and the client never sees it.

    ``url`` is the service by way of the proxy.
    """

    def __init__(self, service_url: str, seed: int, share: float = 0.2) -> None:
        upstream = urlsplit(service_url)
        super().__init__((str(upstream.hostname), int(upstream.port or 80)))
        self.url = f"http://127.0.0.1:{self.port}"
        self._random = random.Random(seed)
        self._share = share

    def pass_on(self, data: bytes, target: socket.socket, *, is_answer: bool) -> None:
        if is_answer and self._random.random() < self._share:
            raise ConnectionAbortedError
        target.sendall(data)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
