"""Gunicorn's threaded worker, with a thread for each active connection, and permits for what runs at once.

A thread that waits for its client costs little, so there are many. The application runs only with one of a few
permits, and no call holds one while it waits for its client. See decision 15.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

CONNECTION_THREADS = 256
# How long a request may still take to arrive when the worker is asked to stop.
STOPPING_SECONDS = 5.0
_HEALTH = "/healthz"
_BODY_PIECE = 256 * 1024


class Permits:
    """A WSGI application of which ``number`` calls run at once, without counting those that wait for their client.

    Health needs no permit: it tells that the process is alive, however busy it is.
    """

    def __init__(self, application: Any, number: int) -> None:
        self._application = application
        self._free: SimpleQueue[None] = SimpleQueue()
        self._returned = 0.0
        for _ in range(number):
            self.give_back()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Run the application with a permit."""
        if environ["PATH_INFO"] == _HEALTH:
            return self._application(environ, start_response)  # type: ignore[no-any-return]
        body = _Body(environ["wsgi.input"], self)
        environ["wsgi.input"] = io.BufferedReader(body, _BODY_PIECE)
        self.take()
        try:
            return self._application(environ, start_response)  # type: ignore[no-any-return]
        finally:
            self.give_back()
            body.permits = None

    def take(self) -> None:
        """Wait for a permit."""
        self._free.get()

    def give_back(self) -> None:
        """Let another call run."""
        self._returned = time.monotonic()
        self._free.put(None)

    def stuck_since(self, instant: float) -> bool:
        """Whether every call that runs has been running since before the instant, so that no other could."""
        return self._free.empty() and self._returned < instant


class _Body(io.RawIOBase):
    """A request's body, which is received without the permit of the call that reads it."""

    def __init__(self, received: Any, permits: Permits) -> None:
        self._received = received
        self.permits: Permits | None = permits

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Receive a piece of the body, and all of it that fits."""
        if self.permits is None:  # after the response
            data = self._received.read(len(buffer))
        else:
            self.permits.give_back()
            try:
                data = self._received.read(len(buffer))
            finally:
                self.permits.take()
        buffer[: len(data)] = data
        return len(data)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Bounds how long a connection may occupy a thread, and loses no request when it stops.

    ``threads`` of gunicorn's settings is the number of permits, ``timeout`` the time for receiving a request,
    processing it and sending the response.
    """

    wsgi: Any
    sockets: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The connections that have a thread or wait for one, and since when.
        self._active: dict[TConn, float] = {}
        self._notified = time.monotonic()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """The threads of the connections."""
        return ThreadPoolExecutor(CONNECTION_THREADS)

    def load_wsgi(self) -> None:
        """Load the application, which then runs with permits."""
        super().load_wsgi()
        self.wsgi = self._permits = Permits(self.wsgi, self.cfg.threads)

    def notify(self) -> None:
        """Tell the arbiter that this process works; without that for ``timeout``, it replaces the process."""
        if not self._permits.stuck_since(self._notified):
            super().notify()
            self._notified = time.monotonic()

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection a thread."""
        self._active[conn] = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Handle a request, in a thread; then close the connection, unless it is kept."""
        kept = super().handle(conn)
        if not kept:
            # Waits for the client to close it too. Gunicorn does so in the event loop, which must not wait.
            conn.close(graceful=True)
        return kept

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Wait for the next request of a connection, unless it is closed."""
        del self._active[conn]
        if fs.exception() is None and not fs.result():
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Shut down the connections that take too long; their threads notice it, and close them."""
        super().murder_pending()
        now = time.monotonic()
        for conn, began in self._active.items():
            with suppress(OSError):
                if began < now - self.cfg.timeout:
                    conn.sock.shutdown(socket.SHUT_RDWR)
                elif not self.alive and began < now - STOPPING_SECONDS:
                    conn.sock.shutdown(socket.SHUT_RD)  # The response of a complete request is still sent.

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not. A stopping worker first accepts those that wait, then closes its listeners.

        Left open, a listener would let clients connect and send, and then reset their connections.
        """
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            accepted = -1
            while accepted < self.nr_conns < self.worker_connections:
                accepted = self.nr_conns
                self.accept(listener)
            listener.close()
        self.sockets = []
