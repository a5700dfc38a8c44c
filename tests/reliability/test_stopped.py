"""A graceful stop under load: started requests are completed, and no new ones are accepted."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.support.casework import new_casework, note
from tests.support.pair import Pair, running_pair
from tests.support.processes import Served

from executor.store import events
from sentinai.clock import utc_now
from sentinai.database.engine import Database

_CALLERS = 8
_BEFORE = 120
_PATIENCE_SECONDS = 60


@dataclass(slots=True)
class Calls:
    """What became of each call: answered in full, or never taken."""

    answered: list[str] = field(default_factory=list)
    turned_away: list[str] = field(default_factory=list)
    busy: threading.Event = field(default_factory=threading.Event)

    def make_until_nobody_is_there(self, caller: int, call: Callable[[str], requests.Response]) -> None:
        """Call again and again; an answer that breaks off is raised."""
        for number in range(100_000):
            name = f"{caller}/{number}"
            try:
                answer = call(name)
            except requests.exceptions.ConnectionError as error:
                self.turned_away.append(name)
                if "refused" in str(error).lower():
                    return
            else:
                assert answer.ok, (answer.status_code, answer.text)
                answer.json()
                self.answered.append(name)
                if len(self.answered) > _BEFORE:
                    self.busy.set()


def stopped_under_load(served: Served, call: Callable[[str], requests.Response]) -> Calls:
    """Let many call at once, ask the service to stop in the middle of it, and see it gone."""
    calls = Calls()
    with ThreadPoolExecutor(_CALLERS) as pool:
        hands = [pool.submit(calls.make_until_nobody_is_there, number, call) for number in range(_CALLERS)]
        assert calls.busy.wait(_PATIENCE_SECONDS)
        served.process.terminate()
        assert served.process.wait(_PATIENCE_SECONDS) == 0
        for hand in hands:
            hand.result()
    return calls


@pytest.mark.parametrize("kept", [False, True], ids=["new connections", "kept connections"])
def test_what_is_begun_is_answered_and_what_is_not_answered_was_not_begun(
    database_url: str, tmp_path: Path, kept: bool
):
    with running_pair(database_url, tmp_path, gunicorn_workers=2) as pair:
        work = new_casework(pair, utc_now())
        work.publish("Watch", [note()])
        exception_id = work.create_exception()
        matching = _Caller(pair.matcher, pair.token(work.tenant_id), kept)
        document = {"exception": work.document()}
        stopped_under_load(pair.matcher, lambda _: matching.post("/api/match", document))
        writing = _Caller(pair.executor, pair.token(work.tenant_id), kept)
        path = f"/api/exceptions/{exception_id}/comments"
        calls = stopped_under_load(pair.executor, lambda name: writing.post(path, {"text": name}))
        assert logged_comments(pair, work.tenant_id, exception_id) == sorted(calls.answered)


def test_who_waits_for_news_is_answered_before_the_end(database_url: str, tmp_path: Path):
    with running_pair(database_url, tmp_path) as pair:
        work = new_casework(pair, utc_now())
        exception_id = work.create_exception()
        poll = HTTPConnection("127.0.0.1", pair.settings.executor_port, timeout=_PATIENCE_SECONDS)
        path = f"/api/exceptions/{exception_id}/events?event_type=PlaybookCompleted&wait=3"
        poll.request("GET", path, headers={"Authorization": f"Bearer {pair.token(work.tenant_id)}"})
        # Connections are taken in order: once a later one is answered, this one is under way.
        assert requests.get(f"{pair.executor.url}/healthz", timeout=_PATIENCE_SECONDS).ok
        pair.executor.process.terminate()
        answer = poll.getresponse()
        assert (answer.status, json.loads(answer.read())["items"]) == (200, [])
        poll.close()
        assert pair.executor.process.wait(_PATIENCE_SECONDS) == 0


def test_whoever_comes_while_it_stops_is_refused_at_once(database_url: str, tmp_path: Path):
    with running_pair(database_url, tmp_path) as pair:
        work = new_casework(pair, utc_now())
        log = f"/api/exceptions/{work.create_exception()}/events?event_type=PlaybookCompleted&wait=5"
        headers = {"Authorization": f"Bearer {pair.token(work.tenant_id)}"}
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(
                requests.get, pair.executor.url + log, headers=headers, timeout=_PATIENCE_SECONDS
            )
            time.sleep(0.5)
            pair.executor.process.terminate()
            time.sleep(1)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", pair.settings.executor_port))
            assert not waiting.done()
            assert waiting.result().status_code == 200


class _Caller:
    """Calls a service; in each thread on one connection, which is kept, or on a new one for each call."""

    def __init__(self, served: Served, token: str, kept: bool) -> None:
        self._url = served.url
        self._headers = {"Authorization": f"Bearer {token}"} | ({} if kept else {"Connection": "close"})
        self._local = threading.local()

    def post(self, path: str, body: Any) -> requests.Response:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        answer: requests.Response = self._local.session.post(
            self._url + path, json=body, headers=self._headers, timeout=30
        )
        return answer


def logged_comments(pair: Pair, tenant_id: str, exception_id: str) -> list[str]:
    """The texts of all comments in the log, sorted."""
    database = Database(pair.settings)
    with database.read(tenant_id) as session:
        log = events.after(session, exception_id, 0)
    database.engine.dispose()
    return sorted(event.payload["text"] for event in log if event.event_type == "CommentAdded")
