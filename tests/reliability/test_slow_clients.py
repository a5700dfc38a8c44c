"""Clients that are slow, or never come to an end, keep nobody else from being answered."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from tests.support.databases import new_database
from tests.support.processes import Served, environment_of, free_port, until

import sentinai.web
from sentinai.identity import mint_token
from sentinai.settings import Settings

PATHS = {"matcher": "/api/match", "executor": "/api/exceptions"}
POST = "POST {path} HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
HEALTH = "GET /healthz HTTP/1.1\r\nHost: service\r\n\r\n"
LAST = "GET /healthz HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n"
SENT = {
    "nothing": "",
    "half a head": POST,
    "half a body": POST + "Content-Length: 1000\r\n\r\n{{",
    "half a body and a token": POST + "Authorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n{{",
    "half a chunked body": POST + "Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{",
    "half a body over the limit": POST + "Content-Length: 99999999\r\n\r\n{{",
    "for responses, and reads none": HEALTH.replace("healthz", "openapi.json") * 300,
    "for the last response, and does not close": LAST,
}


@dataclass(frozen=True, slots=True)
class Service:
    """A service with one process, and a token for it."""

    served: Served
    token: str

    def connect(self) -> socket.socket:
        """A connection that takes little at a time."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", int(self.served.url.rpartition(":")[2])))
        return connection

    def request(self, text: str) -> bytes:
        """A request, or a part of one, to this service."""
        return text.format(path=PATHS[self.served.name], token=self.token).encode()


@contextmanager
def serving(name: str, folder: Path, **environment: str) -> Iterator[Service]:
    key = folder / "signing.key"
    key.write_text("a key of the tests, longer than thirty-two bytes")
    url = new_database("sqlite", folder)
    settings = Settings(database_url=url, jwt_key_file=str(key), gunicorn_workers=1, log_level="ERROR")
    served = Served(name, free_port(), {**environment_of(settings), **environment}, folder / "log")
    try:
        served.wait()
        yield Service(served, mint_token(settings, subject="someone", tenant_id="harbour", roles=("admin",)))
    finally:
        served.stop()


@pytest.fixture(scope="module", params=PATHS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(request.param, tmp_path_factory.mktemp("slow")) as service:
        yield service


@pytest.fixture
def connect(service: Service) -> Iterator[Callable[[], socket.socket]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(service.connect())


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT.keys())
def test_everyone_else_is_answered(service: Service, connect, sent: str) -> None:
    for _ in range(64):
        connect().sendall(service.request(sent))
    time.sleep(0.2)
    for _ in range(10):
        # The first is always answered; the second needs a permit, as every other call does.
        for path in ("/healthz", "/openapi.json"):
            assert requests.get(service.served.url + path, timeout=1.5).status_code == 200


def test_a_request_in_pieces_and_two_at_once_are_answered(service: Service, connect) -> None:
    connection = connect()
    for byte in HEALTH[:20].encode():
        connection.sendall(bytes([byte]))
    connection.sendall((HEALTH[20:] + HEALTH + LAST).encode())
    assert connection.makefile("rb").read().count(b"HTTP/1.1 200 OK") == 3


def test_files_are_sent_whole_to_who_takes_little_at_a_time(service: Service, connect) -> None:
    connection = connect()
    connection.sendall(LAST.replace("/healthz", "/assets/sentinai.js").encode())
    body = connection.makefile("rb").read().partition(b"\r\n\r\n")[2]
    assert body == Path(sentinai.web.__file__).with_name("static").joinpath("sentinai.js").read_bytes()


def test_the_body_is_asked_for(service: Service, connect) -> None:
    connection = connect()
    connection.sendall(
        service.request(POST + "Connection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    )
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    connection.sendall(b"{}")
    assert b"application/problem+json" in connection.makefile("rb").read()


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    with serving("matcher", tmp_path, GUNICORN_CMD_ARGS="--timeout 3") as service, ExitStack() as stack:
        (process,) = service.served.workers()
        files = Path(f"/proc/{process}/fd")
        before = len(list(files.iterdir()))
        for kind in ("half a head", "half a body and a token", "for responses, and reads none"):
            for _ in range(8):
                stack.enter_context(service.connect()).sendall(service.request(SENT[kind]))
        until(lambda: len(list(files.iterdir())) >= before + 12)
        until(lambda: len(list(files.iterdir())) < before + 8)
        assert service.served.workers() == [process]


def test_half_a_request_does_not_delay_the_end(tmp_path: Path) -> None:
    with serving("executor", tmp_path) as service, ExitStack() as stack:
        for kind in ("half a head", "half a body and a token", "half a chunked body"):
            stack.enter_context(service.connect()).sendall(service.request(SENT[kind]))
        time.sleep(0.5)
        service.served.process.terminate()
        assert service.served.process.wait(15) == 0
