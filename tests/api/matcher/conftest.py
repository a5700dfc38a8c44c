"""A matcher on a migrated database; the executor writes the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from tests.support.databases import AUTHOR

from executor.publishing import packs, playbooks
from executor.store import tenants
from executor.store.migrations import runner
from matcher.app import create_app
from sentinai.database.engine import Database
from sentinai.documents import strict_json
from sentinai.documents.schemas import check
from sentinai.identity import mint_token
from sentinai.settings import Settings

START = datetime(2026, 5, 4, 6, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, its document, and its headers."""

    status: int
    body: Any
    headers: Mapping[str, str]

    def problem(self, status: int, code: str) -> Any:
        """The problem document, which must be one of that status and code."""
        assert (self.status, self.body["code"]) == (status, code), self.body
        assert self.headers["Content-Type"] == "application/problem+json"
        assert check("problem", self.body) == []
        return self.body

    def error(self, pointer: str) -> Any:
        """The one error at a pointer."""
        found = [error for error in self.body["errors"] if error["pointer"] == pointer]
        assert len(found) == 1, self.body
        return found[0]


class Caller:
    """Calls the matcher as one tenant, in some roles."""

    def __init__(self, app: Flask, settings: Settings, tenant_id: str, roles: tuple[str, ...]) -> None:
        self._client = app.test_client()
        self.token = mint_token(settings, subject="someone", tenant_id=tenant_id, roles=roles)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        """Post a document."""
        return self.post_raw(path, strict_json.dumps(body).encode(), **headers)

    def post_raw(self, path: str, body: bytes, content_type: str = "application/json", **further: str) -> Reply:
        """Post bytes as they are; further headers by name."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type, **further}
        answer = self._client.post(path, data=body, headers=headers)
        return Reply(answer.status_code, answer.get_json(force=True), answer.headers)

    def get(self, path: str) -> Reply:
        """Get a document."""
        answer = self._client.get(path, headers={"Authorization": f"Bearer {self.token}"})
        return Reply(answer.status_code, answer.get_json(force=True), answer.headers)

    def match(self, exception: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The response to a match that must succeed, validated by its schema."""
        body = {"exception": {"exception_id": "X-1", **(exception or {})}, **options}
        reply = self.post("/api/match", body)
        assert reply.status == 200, reply.body
        assert check("match-response", reply.body) == []
        return reply.body


class Author:
    """Writes a tenant's catalogue by the executor's own code."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self.database = database
        self.tenant_id = tenant_id
        self._now = START
        database.write(tenant_id, lambda session: tenants.add_tenant(session, tenant_id, tenant_id))

    def publish(self, name: str, conditions: Mapping[str, Any]) -> int:
        """Publish a playbook a minute after the one before; answers its id."""
        self._now += timedelta(minutes=1)
        params = {"text": "looked at"}
        steps = [{"name": "Note", "action_type": "add_comment", "params": params}]
        document = {"name": name, "conditions": conditions, "steps": steps}
        published = playbooks.publish(self.database, self.tenant_id, document, AUTHOR, self._now, dry_run=False)
        assert published.playbook is not None
        return published.playbook.playbook_id

    def retire(self, playbook_id: int) -> None:
        """Take a version out of matching."""
        playbooks.retire(self.database, self.tenant_id, playbook_id, AUTHOR, self._now)

    def put_policy_pack(self, pack: Mapping[str, Any]) -> None:
        """Store the tenant's next Policy Pack."""
        packs.put_policy_pack(self.database, self.tenant_id, pack, AUTHOR, self._now)

    def put_domain_pack(self, domain: str, pack: Mapping[str, Any]) -> None:
        """Store the next Domain Pack of a domain."""
        packs.put_domain_pack(self.database, self.tenant_id, domain, pack, AUTHOR, self._now)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    key = tmp_path / "key"
    key.write_text("a key of the tests, longer than thirty-two bytes")
    return Settings(database_url=f"sqlite:///{tmp_path / 'matcher.db'}", jwt_key_file=str(key), log_level="ERROR")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated database file: made once, copied for each test."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    database = Database(Settings(database_url=f"sqlite:///{path}"))
    runner.upgrade(database)
    database.engine.dispose()
    return path.read_bytes()


@pytest.fixture
def database(settings: Settings, empty_database: bytes) -> Iterator[Database]:
    Path(settings.database_url.removeprefix("sqlite:///")).write_bytes(empty_database)
    found = Database(settings)
    yield found
    found.engine.dispose()


@pytest.fixture
def app(settings: Settings, database: Database) -> Flask:
    return create_app(settings, clock=lambda: START)


@pytest.fixture
def caller_of(app: Flask, settings: Settings) -> Callable[..., Caller]:
    def make(tenant_id: str, *roles: str) -> Caller:
        return Caller(app, settings, tenant_id, roles)

    return make


@pytest.fixture
def caller(caller_of: Callable[..., Caller]) -> Caller:
    """A viewer of tenant ``harbour``: who may match, and no more."""
    return caller_of("harbour", "viewer")


@pytest.fixture
def author_caller(caller_of: Callable[..., Caller]) -> Caller:
    """An author of tenant ``harbour``."""
    return caller_of("harbour", "author")


@pytest.fixture
def author_of(database: Database) -> Callable[[str], Author]:
    def make(tenant_id: str) -> Author:
        return Author(database, tenant_id)

    return make


@pytest.fixture
def author(author_of: Callable[[str], Author]) -> Author:
    """Writes the catalogue of tenant ``harbour``."""
    return author_of("harbour")
