"""A database that stays silent, with more calls than may run at once: what still answers, and what is replaced."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
from tests.conftest import database_of
from tests.support.processes import Served, environment_of, free_port, until
from tests.support.tcp_proxy import SilentProxy

from sentinai.identity import mint_token
from sentinai.settings import Settings

pytestmark = pytest.mark.postgres
CALLS = 64


@contextmanager
def hung(folder: Path, timeout_seconds: float, **environment: str) -> Iterator[tuple[Served, SilentProxy]]:
    """An executor of one process whose database has gone silent while it answers calls."""
    key = folder / "signing.key"
    key.write_text("a key of the tests, longer than thirty-two bytes")
    with SilentProxy(database_of("postgres", folder)) as proxy:
        settings = Settings(
            database_url=proxy.url,
            database_timeout_seconds=timeout_seconds,
            jwt_key_file=str(key),
            gunicorn_workers=1,
            log_level="ERROR",
        )
        token = mint_token(settings, subject="someone", tenant_id="harbour", roles=("viewer",))
        served = Served("executor", free_port(), {**environment_of(settings), **environment}, folder / "log")

        def call(_: int) -> None:
            headers = {"Authorization": f"Bearer {token}"}
            with suppress(requests.ConnectionError):
                requests.get(f"{served.url}/api/exceptions", headers=headers, timeout=40)

        pool = ThreadPoolExecutor(CALLS)
        try:
            served.wait()
            call(0)
            proxy.go_silent()
            for number in range(CALLS):
                pool.submit(call, number)
            time.sleep(1)
            yield served, proxy
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            served.kill()


def test_health_is_answered_while_every_call_waits_for_the_database(tmp_path: Path):
    with hung(tmp_path, 5.0) as (served, _):
        for _ in range(20):
            assert requests.get(f"{served.url}/healthz", timeout=1).status_code == 200


def test_a_process_in_which_every_call_hangs_for_too_long_is_replaced(tmp_path: Path):
    with hung(tmp_path, 300.0, GUNICORN_CMD_ARGS="--timeout 2") as (served, proxy):
        before = served.workers()
        proxy.speak_again()
        until(lambda: served.workers() not in (before, []))
        served.wait()
        assert requests.get(f"{served.url}/readyz", timeout=10).json()["checks"]["database"] == "ok"
