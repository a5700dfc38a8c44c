"""The pair as users have it: a matcher and an executor in processes of their own, on one database."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from tests.support.databases import as_role
from tests.support.processes import Served, free_port

from sentinai import settings as sentinai_settings
from sentinai.identity import mint_token
from sentinai.settings import Settings


@dataclass(frozen=True, slots=True)
class Pair:
    """Two running services. ``environment`` is what they were started with; ``settings`` the same, read."""

    matcher: Served
    executor: Served
    environment: Mapping[str, str]
    settings: Settings

    def token(self, tenant_id: str, *roles: str, **claims: Any) -> str:
        """A token that both services accept; for a person by default."""
        given = {"subject": "someone", "actor_type": "human", **claims}
        return mint_token(self.settings, tenant_id=tenant_id, roles=roles or ("admin",), **given)

    def client(self, tenant_id: str, *roles: str, **claims: Any) -> Client:
        """A caller of the executor."""
        return Client(self.executor.url, self.token(tenant_id, *roles, **claims))


def of_service(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """A service's own environment: the matcher has a role of its own at the database."""
    url = environment["SENTINAI_DATABASE_URL"]
    role_url = as_role(url, "sentinai_matcher") if name == "matcher" else url
    return {**environment, "SENTINAI_DATABASE_URL": role_url}


class Client:
    """Calls a service over HTTP with one token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """One call; the response, of any status."""
        options.setdefault("timeout", 30)
        return self.session.request(method, self.url + path, json=body, **options)

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """One call that must succeed; its document."""
        answer = self(method, path, body, **options)
        assert answer.ok, (answer.status_code, answer.text)
        return answer.json()

    def problem(self, status: int, code: str, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """One call that must be refused in just this way; the problem document."""
        answer = self(method, path, body, **options)
        document = answer.json()
        assert (answer.status_code, document.get("code")) == (status, code), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        return document


@contextmanager
def running_pair(database_url: str, folder: Path, prefix: Sequence[str] = (), **settings: Any) -> Iterator[Pair]:
    """Start both services on a database; further settings by name. Stops them at the end.

    ``prefix`` is a command that runs theirs.
    """
    key = folder / "signing.key"
    key.write_text(secrets.token_urlsafe(48))
    ports = {"matcher": free_port(), "executor": free_port()}
    given = {
        "database_url": database_url,
        "jwt_key_file": key,
        "matcher_port": ports["matcher"],
        "executor_port": ports["executor"],
        "matcher_url": f"http://127.0.0.1:{ports['matcher']}",
        "executor_url": f"http://127.0.0.1:{ports['executor']}",
        "gunicorn_workers": 1,
        "log_level": "WARNING",
        **settings,
    }
    environment = {f"SENTINAI_{name.upper()}": str(value) for name, value in given.items()}
    served = {
        name: Served(name, port, of_service(name, environment), folder / f"{name}.log", prefix)
        for name, port in ports.items()
    }
    try:
        for service in served.values():
            service.wait()
        read = sentinai_settings.load(environment)
        yield Pair(served["matcher"], served["executor"], environment, read)
    finally:
        for service in served.values():
            service.stop()
