"""A connection to PostgreSQL that goes silent is given up, while a proxy goes on acknowledging what is sent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.conftest import database_of
from tests.support.tcp_proxy import SilentProxy

from executor.app import create_app
from sentinai.database.engine import Database
from sentinai.identity import mint_token
from sentinai.problems import DatabaseUnavailable
from sentinai.settings import Settings

pytestmark = pytest.mark.postgres


def test_a_silent_connection_is_given_up_and_replaced(tmp_path: Path):
    with SilentProxy(database_of("postgres", tmp_path)) as proxy:
        database = Database(Settings(database_url=proxy.url, database_timeout_seconds=0.5))

        def read() -> Any:
            with database.read("acme") as session:
                return session.connection().execute(text("SELECT 1")).scalar()

        assert read() == 1
        proxy.go_silent()
        with pytest.raises(DatabaseUnavailable):
            _bounded(read)
        proxy.speak_again()
        assert _bounded(read) == 1
        database.engine.dispose()


def test_readiness_tells_and_health_does_not_ask(tmp_path: Path):
    key = tmp_path / "signing.key"
    key.write_text("k" * 48)
    with SilentProxy(database_of("postgres", tmp_path)) as proxy:
        settings = Settings(database_url=proxy.url, database_timeout_seconds=0.5, jwt_key_file=str(key))
        client = create_app(settings).test_client()
        token = mint_token(settings, subject="noor", tenant_id="acme", roles=["viewer"], actor_type="human")
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/readyz").json["checks"]["database"] == "ok"
        assert client.get("/api/exceptions", headers=headers).status_code == 200
        proxy.go_silent()
        assert _bounded(lambda: client.get("/healthz"), seconds=2).status_code == 200
        call = _bounded(lambda: client.get("/api/exceptions", headers=headers))
        assert (call.status_code, call.json["code"]) == (503, "database_unavailable")
        assert int(call.headers["Retry-After"]) > 0
        answer = _bounded(lambda: client.get("/readyz"))
        assert answer.status_code == 503
        assert answer.json["checks"]["database"] != "ok"
        proxy.speak_again()
        assert _bounded(lambda: client.get("/readyz")).json["checks"]["database"] == "ok"
        assert _bounded(lambda: client.get("/api/exceptions", headers=headers)).status_code == 200


def _bounded(work: Callable[[], Any], seconds: float = 10) -> Any:
    """The result of the work; fails when there is none in time, however long the work takes."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work).result(timeout=seconds)
    finally:
        pool.shutdown(wait=False)
