"""Costly requests of one tenant take turns, so that a cheap one of another is answered before most of them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from tests.benchmarks.worst_request import Candidate
from tests.support.databases import new_database
from tests.support.processes import Served, environment_of, free_port

from sentinai.identity import mint_token
from sentinai.settings import Settings

COSTLY = 12
AT_ONCE = 4


def test_a_cheap_request_does_not_wait_for_the_costly_ones(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a key of the tests, longer than thirty-two bytes")
    settings = Settings(
        database_url=new_database("sqlite", tmp_path),
        jwt_key_file=str(key),
        gunicorn_workers=1,
        gunicorn_threads=AT_ONCE,
        log_level="ERROR",
    )
    served = Served("matcher", free_port(), environment_of(settings), tmp_path / "log")

    def match(tenant_id: str, body: bytes) -> tuple[float, int]:
        token = mint_token(settings, subject="someone", tenant_id=tenant_id, roles=["viewer"])
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = requests.post(f"{served.url}/api/match", data=body, headers=headers, timeout=60)
        return time.monotonic(), answer.status_code

    costly = json.dumps(Candidate("map", playbooks=60, items=200).body(salt=1)).encode()
    cheap = json.dumps({"exception": {"exception_id": "E-1"}}).encode()
    try:
        served.wait()
        match("first", costly)
        with ThreadPoolExecutor(COSTLY) as clients:
            burning = [clients.submit(match, "first", costly) for _ in range(COSTLY)]
            while not any(each.done() for each in burning):
                time.sleep(0.001)
            answered, status = match("second", cheap)
            finished = [each.result() for each in burning]
    finally:
        served.stop()
    assert status == 200
    assert {status for _, status in finished} == {422}
    assert sum(instant < answered for instant, _ in finished) <= AT_ONCE
