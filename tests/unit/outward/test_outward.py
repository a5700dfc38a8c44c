"""What is sent outwards goes where it should, and what comes back is bounded in time and size."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests
from tests.support.moods import dripping, hanging_up, saying
from tests.support.processes import free_port
from tests.support.threaded import Wsgi, serving

from sentinai import outward

PATIENCE = {"connect_seconds": 5, "read_seconds": 5}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with outward.new_session() as session:
        yield session


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "4000"}], ids=["open end", "length told"])
def test_an_answer_that_drips_is_given_up_in_time(session: requests.Session, headers: dict[str, str]):
    with serving(dripping(**headers)) as url:
        began = time.monotonic()
        with pytest.raises(requests.ReadTimeout):
            outward.send(session, "GET", url, connect_seconds=5, read_seconds=0.3)
        assert time.monotonic() - began < 2


def test_an_answer_that_does_not_end_is_not_kept(session: requests.Session):
    with serving(saying("x" * 70_000)) as url:
        assert len(outward.send(session, "GET", url, most_bytes=70_000, **PATIENCE).content) == 70_000
        with pytest.raises(outward.AnswerTooLarge):
            outward.send(session, "GET", url, most_bytes=69_999, **PATIENCE)


def _cut_off(_environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Length", "40")])
    return [b'{"a":']


def _mispacked(_environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Encoding", "gzip")])
    return [b"no gzip"]


@pytest.mark.parametrize("trouble", [hanging_up, _cut_off, _mispacked])
def test_half_an_answer_is_none(session: requests.Session, trouble: Wsgi):
    with serving(trouble) as url, pytest.raises(requests.RequestException):
        outward.send(session, "GET", url, **PATIENCE)


def test_neither_a_proxy_of_the_environment_nor_a_redirect_is_followed(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
):
    elsewhere = f"http://127.0.0.1:{free_port()}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, elsewhere)
    monkeypatch.setenv("no_proxy", "")
    with serving(saying("{}", 307, Location=elsewhere)) as url:
        assert outward.send(session, "POST", url, **PATIENCE).status_code == 307


def test_one_connection_serves_one_call_after_another(session: requests.Session):
    callers = []

    class KeptAlive(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            callers.append(self.client_address)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), KeptAlive) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
        for _ in range(3):
            url = f"http://127.0.0.1:{server.server_port}"
            assert outward.send(session, "GET", url, **PATIENCE).json() == {}
        server.shutdown()
    assert (len(callers), len(set(callers))) == (3, 1)
