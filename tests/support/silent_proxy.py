"""A TCP proxy before a PostgreSQL on a Unix socket, which can go silent: it reads on, and passes nothing on."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import make_url


class SilentProxy:
    """``url`` is the database of the given URL, by way of the proxy."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        self._upstream = f"{url.query['host']}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
        self._passing = threading.Event()
        self._passing.set()
        self._ends: list[socket.socket] = []

    def __enter__(self) -> SilentProxy:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: Any) -> None:
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._accepting.join(20)

    def go_silent(self) -> None:
        """Pass nothing on any more, on any connection; what arrives is still acknowledged."""
        self._passing.clear()

    def speak_again(self) -> None:
        """Serve new connections again. Those that were silent have lost what was sent."""
        self._passing.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._upstream)
                self._ends += (client, server)
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self._passing.is_set():
                    target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
