"""A request with a refused body gets its response, and the connection stays usable."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.support.databases import new_database
from tests.support.processes import Served, environment_of, free_port

from sentinai.identity import mint_token
from sentinai.settings import Settings

ACCEPTED = {"exception": {"exception_id": "E"}, "domain_pack": {}, "policy_pack": {}, "playbooks": []}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("refused")
    key = folder / "signing.key"
    key.write_text("a key of the tests, longer than thirty-two bytes")
    url = new_database("sqlite", folder)
    return Settings(database_url=url, jwt_key_file=str(key), gunicorn_workers=1, log_level="ERROR")


@pytest.fixture(scope="module")
def matcher(settings: Settings) -> Iterator[Served]:
    log = Path(settings.jwt_key_file).with_name("matcher.log")
    served = Served("matcher", free_port(), environment_of(settings), log)
    try:
        served.wait()
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="module")
def token(settings: Settings) -> str:
    return mint_token(settings, subject="someone", tenant_id="harbour", roles=("viewer",))


@pytest.mark.parametrize(
    ("path", "kind", "size", "refused"),
    [
        ("/api/match", "application/json", 1_048_577, 413),
        ("/api/match", "text/plain", 900_000, 415),
        ("/api/conditions/validate", "application/json", 900_000, 403),
        ("/api/nothing", "application/json", 900_000, 404),
    ],
)
def test_the_connection_is_good_for_the_next_call(matcher, token, path, kind, size, refused):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    for _ in range(15):
        with requests.Session() as session:
            answer = session.post(matcher.url + path, data=b"x" * size, headers=headers, timeout=20)
            assert answer.status_code == refused
            again = session.post(
                f"{matcher.url}/api/match", json=ACCEPTED, headers={"Authorization": f"Bearer {token}"}, timeout=20
            )
            assert again.status_code == 200


@pytest.mark.parametrize(("scheme", "status"), [("Bearer", 400), ("Basic", 401)])
def test_a_body_that_is_no_http_is_the_callers_fault(matcher, token, scheme, status):
    port = int(matcher.url.rpartition(":")[2])
    head = f"POST /api/match HTTP/1.1\r\nHost: m\r\nAuthorization: {scheme} {token}\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode() + b"no length\r\n{}\r\n0\r\n\r\n")
        answer = connection.makefile("rb").read().decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "application/problem+json" in answer
    assert "X-Request-ID" in answer
