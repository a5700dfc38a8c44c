"""The pair in threads of this process: real HTTP between the services, and a clock that a test moves."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.progress import Progress
from tests.support.databases import as_role, hang_up
from tests.support.pair import Client
from tests.support.processes import free_port
from werkzeug.serving import make_server

import executor.app
import matcher.app
from executor.bootstrap import Services, assemble
from executor.verification.report import Report
from executor.verification.verify import verify
from executor.worker import catalogue_changes, deliveries, loop, recalculations
from sentinai.identity import mint_token
from sentinai.problems import MatcherUnavailable
from sentinai.settings import Settings

START = datetime(2026, 4, 14, 7, 15, tzinfo=UTC)
Wsgi = Callable[..., Any]
"""A WSGI application."""


class Clock:
    """A clock that a test sets; tokens use the real time."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """The instant it is."""
        return self._now

    def set(self, now: datetime) -> None:
        """Say that it is another time."""
        self._now = now

    def advance(self, **distance: float) -> datetime:
        """Move forward, by the arguments of a timedelta."""
        self._now += timedelta(**distance)
        return self._now


@dataclass(frozen=True, slots=True)
class Threaded:
    """Both services answering in threads; ``services`` are the worker's own parts, on the same database."""

    settings: Settings
    services: Services
    clock: Clock

    @property
    def urls(self) -> dict[str, str]:
        """Where each service answers."""
        return {"executor": self.settings.executor_url, "matcher": self.settings.matcher_url}

    def token(self, tenant_id: str, *roles: str, **claims: Any) -> str:
        """A token that both services accept; for a person by default."""
        given = {"subject": "someone", "actor_type": "human", **claims}
        return mint_token(self.settings, tenant_id=tenant_id, roles=roles or ("admin",), **given)

    def client(self, tenant_id: str, *roles: str, service: str = "executor", **claims: Any) -> Client:
        """A caller of the executor, or of the matcher."""
        return Client(self.urls[service], self.token(tenant_id, *roles, **claims))

    def work(self, *tenants: str, **settings: Any) -> None:
        """Let the worker look once after some tenants, or after every one; by other settings where given."""
        services = replace(self.services, settings=replace(self.settings, **settings))
        if not tenants:
            loop.work_once(services)
            return
        with suppress(MatcherUnavailable):
            for tenant_id in tenants:
                recalculations.recalculate_due(services, tenant_id)
                while catalogue_changes.follow(services, tenant_id):
                    pass
        deliveries.deliver_once(services, *tenants)

    def verify(self, *tenants: str) -> Report:
        """The proof over some tenants, or over the whole database."""
        with Progress(disable=True) as progress:
            return verify(self.services.database, tenants or None, progress)


@contextmanager
def threaded_pair(
    database_url: str, folder: Path, before_matcher: Callable[[Wsgi], Wsgi] = lambda app: app, **settings: Any
) -> Iterator[Threaded]:
    """Serve both services on a migrated database until the end; further settings by name.

    ``before_matcher`` may put something between the matcher and its callers.
    """
    key = folder / "signing.key"
    key.write_text(secrets.token_urlsafe(48))
    ports = {"matcher": free_port(), "executor": free_port()}
    given: dict[str, Any] = {
        "database_url": database_url,
        "jwt_key_file": str(key),
        "matcher_url": f"http://127.0.0.1:{ports['matcher']}",
        "executor_url": f"http://127.0.0.1:{ports['executor']}",
        "log_level": "ERROR",
        **settings,
    }
    read, clock = Settings(**given), Clock()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with ExitStack() as stack:
        stack.callback(hang_up, database_url)
        reader = replace(read, database_url=as_role(database_url, "sentinai_matcher"))
        stack.enter_context(serving(before_matcher(matcher.app.create_app(reader, clock)), ports["matcher"]))
        stack.enter_context(serving(executor.app.create_app(read, clock), ports["executor"]))
        services = assemble(read, clock)
        stack.callback(services.database.engine.dispose)
        yield Threaded(read, services, clock)


@contextmanager
def serving(app: Wsgi, port: int = 0) -> Iterator[str]:
    """Serve a WSGI application in threads on a port, a free one by default; its URL."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
