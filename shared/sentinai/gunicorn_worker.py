"""Gunicorn's threaded worker, with permits for the threads that run, and any number that wait for their clients.

A thread that waits for its client costs little: it gives its permit to another meanwhile. See decision 15.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from sentinai import turns

CONNECTION_THREADS = 256
STOPPING_SECONDS = 5.0
"""How long a request may still take to arrive when the worker is asked to stop."""
_SHORT_PAUSES = 2
"""Pauses after which a request's work is long: some milliseconds."""
_HEALTH = b"GET /healthz "


class Permits:
    """A number of permits, given in the order in which they are asked for."""

    def __init__(self, number: int) -> None:
        self._lock = threading.Lock()
        self._free = number
        self._waiting: deque[Callable[[], object]] = deque()
        self._returned = time.monotonic()

    def run(self, start: Callable[[], object]) -> None:
        """Call ``start`` as soon as there is a permit for it, now or in the thread that gives one back."""
        with self._lock:
            if not self._free:
                self._waiting.append(start)
                return
            self._free -= 1
        start()

    def give_back(self) -> None:
        """Let the next run."""
        with self._lock:
            self._returned = time.monotonic()
            if not self._waiting:
                self._free += 1
                return
            start = self._waiting.popleft()
        start()

    def wait(self) -> None:
        """Wait for a permit."""
        permitted = threading.Event()
        self.run(permitted.set)
        permitted.wait()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let the next run meanwhile, and then wait for a permit again."""
        self.give_back()
        try:
            yield
        finally:
            self.wait()

    def stuck_since(self, instant: float) -> bool:
        """Whether every permit is taken, and none was given back after the instant."""
        return not self._free and self._returned < instant


class _Turn:
    """A request's turn to compute for long. While it waits for it, it gives its permit to another."""

    def __init__(self, permits: Permits, turns: Permits) -> None:
        self._permits, self._turns = permits, turns
        self._pauses = 0
        self._has_it = False

    def wait(self) -> None:
        """Wait for the turn, unless it has come or the request has not yet computed for long."""
        self._pauses += 1
        if self._has_it or self._pauses <= _SHORT_PAUSES:
            return
        with self._permits.lent():
            self._turns.wait()
        self._has_it = True

    def end(self) -> None:
        """Let another have the turn."""
        if self._has_it:
            self._turns.give_back()


class _Connection(socket.socket):
    """A socket whose thread holds one of ``permits``, except while it waits for the client."""

    permits: Permits | None = None

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.permits is None:
            return super().recv(size, flags)
        if self.gettimeout() is None:
            with suppress(BlockingIOError):
                return super().recv(size, flags | socket.MSG_DONTWAIT)
        with self.permits.lent():
            return super().recv(size, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self.permits is None:
            return super().sendall(data, flags)
        sent = 0
        with suppress(BlockingIOError):
            sent = super().send(data, flags | socket.MSG_DONTWAIT)
        if sent < len(data):
            with self.permits.lent():
                super().sendall(memoryview(data)[sent:], flags)
        return None

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        if self.permits is None:
            return super().sendfile(file, offset, count)
        with self.permits.lent():
            return super().sendfile(file, offset, count)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Bounds how long a connection may occupy a thread, and loses no request when it stops.

    ``threads`` of gunicorn's settings is the number of permits, ``timeout`` the time for receiving a request,
    processing it and sending the response. Health needs no permit: it says that the process is alive.
    """

    sockets: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._permits = Permits(self.cfg.threads)
        self._turns = Permits(1)
        sys.setswitchinterval(0.0005)
        # The connections that have a thread or wait for one, and since when.
        self._active: dict[TConn, float] = {}
        self._notified = time.monotonic()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """The threads of the connections."""
        return ThreadPoolExecutor(CONNECTION_THREADS)

    def notify(self) -> None:
        """Tell the arbiter that this process works; without that for ``timeout``, it replaces the process."""
        if not self._permits.stuck_since(self._notified):
            super().notify()
            self._notified = time.monotonic()

    def enqueue_req(self, conn: TConn) -> None:
        """Let a connection have a thread: once something arrives on it, and there is a permit."""
        if not conn.initialized and not conn.data_ready:
            self._await_first_byte(conn)
            return
        self._active[conn] = time.monotonic()
        start = partial(super().enqueue_req, conn)
        if _asks_for_health(conn):
            start()
        else:
            conn.sock.permits = self._permits
            self._permits.run(start)

    def _await_first_byte(self, conn: TConn) -> None:
        """Wait in the event loop; gunicorn itself waits in a thread for some seconds first."""
        conn.sock = _Connection(conn.sock.family, conn.sock.type, conn.sock.proto, conn.sock.detach())
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> Any:
        """Handle a request, in a thread; then close the connection, unless it is kept."""
        turn = _Turn(self._permits, self._turns)
        turns.offer(turn.wait)
        try:
            kept = super().handle(conn)
        finally:
            turn.end()
            if conn.sock.permits:
                conn.sock.permits = None
                self._permits.give_back()
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
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, time.monotonic() + STOPPING_SECONDS)


def _asks_for_health(conn: TConn) -> bool:
    if conn.parser and conn.parser.unreader.buf.getvalue():
        return False  # another request comes first
    with suppress(OSError):
        return conn.sock.recv(len(_HEALTH), socket.MSG_PEEK | socket.MSG_DONTWAIT) == _HEALTH  # type: ignore[no-any-return]
    return False
