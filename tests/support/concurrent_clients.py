"""Many clients at work on the same exceptions at once, who try again when a connection breaks, and remember.

Each has a name of its own, so that the log can be compared with the responses.
"""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select
from tests.support.casework import Casework, note, own, step_path, tell
from tests.support.pair import Client
from tests.support.processes import environment_of

from executor.store.tables import OutboxRow
from sentinai.database.engine import Database
from sentinai.settings import Settings

STEPS = (note("Look"), tell("Tell"), own("Hand over", queue="crew"), note("Look again"), tell("Close it", "email"))
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One client's successful response about one step."""

    exception_id: str
    step_order: int
    client: str
    outcome: str


@dataclass(slots=True)
class Memory:
    """The responses to all clients; ``failures`` counts the causes of retries."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)


class ConcurrentClients:
    """Clients, each in a thread, until stopped; ``urls`` are the executors they spread over.

    They take in exceptions, ``open_at_once`` at a time, and all go through the steps of each, so that
    several are at the same step most of the time. ``awaited`` are the codes of refusals that will pass.
    """

    def __init__(
        self,
        work: Casework,
        urls: Sequence[str],
        seed: int,
        *,
        clients: int = 20,
        open_at_once: int = 5,
        awaited: Collection[str] = (),
    ) -> None:
        self.work = work
        self.urls = urls
        self.memory = Memory()
        self._random = random.Random(seed)
        self._open_at_once = open_at_once
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._running: list[Future[None]] = []
        self._clients = clients
        self._awaited = awaited

    def __enter__(self) -> ConcurrentClients:
        seeds = [self._random.random() for _ in range(self._clients)]
        self._running = [self._pool.submit(self._work, f"hand-{i}", seed) for i, seed in enumerate(seeds)]
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Let every client finish what it is at, and raise what went wrong with any, if nothing else did."""
        self._stopping.set()
        self._pool.shutdown()
        for client in self._running if kind is None else ():
            client.result()

    def wait_for(self, more: int) -> None:
        """Wait for this many more responses."""
        goal = len(self.memory.acknowledged) + more
        until = time.monotonic() + _PATIENCE_SECONDS
        while len(self.memory.acknowledged) < goal:
            for client in self._running:
                if client.done():
                    client.result()
            assert time.monotonic() < until, f"nothing goes on: {self.memory.failures}"
            time.sleep(0.002)

    def _work(self, name: str, seed: float) -> None:
        chance = random.Random(seed)
        sessions = [Client(url, self._token(name)) for url in self.urls]
        ask = Patient(sessions, chance, self.memory.failures, self._awaited)
        at = 0
        while not self._stopping.is_set():
            self._work_through(ask, chance, name, f"K-{at + chance.randrange(self._open_at_once)}")
            at = len(self.memory.acknowledged) // (len(STEPS) * self._clients) * self._open_at_once

    def _token(self, name: str) -> str:
        return self.work.callers.token(self.work.tenant_id, "operator", subject=name)

    def _work_through(self, ask: Patient, chance: random.Random, name: str, exception_id: str) -> None:
        document = self.work.document(exception_id=exception_id)
        ask("POST", "/api/exceptions", document)
        self.memory.created.append(exception_id)
        for step in range(1, len(STEPS) + 1):
            verb = "skip" if chance.random() < 0.1 else "complete"
            body = {"actor_type": "human", "actor_id": name, **({"reason": "Late."} if verb == "skip" else {})}
            answer = ask("POST", step_path(exception_id, step, verb), body)
            self.memory.acknowledged.append(Acknowledged(exception_id, step, name, answer["outcome"]))


class Patient:
    """Calls until there is an answer: a broken connection, a 503 and what is awaited are tried again."""

    def __init__(
        self, sessions: Sequence[Client], chance: random.Random, failures: Counter[str], awaited: Collection[str]
    ) -> None:
        self._sessions = sessions
        self._chance = chance
        self._troubles = failures
        self._awaited = awaited

    def __call__(self, method: str, path: str, body: Any) -> Any:
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = self._chance.choice(self._sessions)(method, path, body)
                document = answer.json()
            except requests.RequestException as error:
                self._troubles[type(error).__name__] += 1
            else:
                if answer.status_code in (200, 201):
                    return document
                if document["code"] not in self._awaited:
                    assert answer.status_code == 503, (answer.status_code, answer.text)
                    assert int(answer.headers["Retry-After"]) > 0
                self._troubles[document["code"]] += 1
            assert time.monotonic() < until, f"{method} {path} came to nothing"
            time.sleep(self._chance.uniform(0, 0.05))


def random_seed() -> int:
    """Where chance begins: new each time, shown when a test fails, and given by TEST_SEED."""
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    return seed


def prepare_for_clients(work: Casework) -> None:
    """Publish the playbook that the clients work through."""
    work.publish("For many hands", STEPS)


def compare_with_log(memory: Memory, work: Casework, settings: Settings) -> None:
    """Every acknowledged step is in the log exactly once, and the API agrees with the log."""
    doers = [each for each in memory.acknowledged if each.outcome != "already_completed"]
    winners = {(each.exception_id, each.step_order): each for each in doers}
    assert len(winners) == len(doers), "the same step was acknowledged twice"
    acknowledged_steps = {(each.exception_id, each.step_order) for each in memory.acknowledged}
    sent = _messages(settings, work.tenant_id)
    for exception_id in sorted(set(memory.created)):
        log = work.events(exception_id)
        finishing = [event for event in log if event["event_type"] in _FINISHING]
        steps = [event["payload"]["step_order"] for event in finishing]
        assert steps == sorted(set(steps)), (exception_id, "a step is in the log twice, or out of order")
        assert {step for found, step in acknowledged_steps if found == exception_id} <= set(steps), exception_id
        for event in finishing:
            _held_by_its_winner(event, winners.get((exception_id, event["payload"]["step_order"])))
        _seen_as_logged(work.state(exception_id), finishing)
        kinds = Counter(event["event_type"] for event in log)
        assert kinds["NotificationRequested"] == sent[exception_id]
        assert kinds["PlaybookStarted"] == bool(finishing)
        assert kinds["PlaybookCompleted"] == (len(finishing) == len(STEPS))


_FINISHING = {"PlaybookStepCompleted": "completed", "PlaybookStepSkipped": "skipped"}


def _held_by_its_winner(event: Any, winner: Acknowledged | None) -> None:
    """The log names the client that was acknowledged; the response of the one that acted may be lost."""
    if winner is not None:
        assert (event["actor_id"], _FINISHING[event["event_type"]]) == (winner.client, winner.outcome)


def _seen_as_logged(state: Any, finishing: Sequence[Any]) -> None:
    done = {event["payload"]["step_order"]: _FINISHING[event["event_type"]] for event in finishing}
    for step in state["steps"]:
        order = step["step_order"]
        expected = done.get(order) or ("running" if order == state["current_step"] else "pending")
        assert step["status"] == expected, (state["exception_id"], order)
    assert state["progress"]["done"] == len(done)
    assert state["current_step"] == (len(done) + 1 if len(done) < len(STEPS) else None)


def _messages(settings: Settings, tenant_id: str) -> Counter[str]:
    """How many messages each exception has in the outbox."""
    database = Database(settings)
    query = select(OutboxRow.exception_id, func.count(OutboxRow.outbox_id)).group_by(OutboxRow.exception_id)
    with database.read(tenant_id) as session:
        found = Counter({row[0]: row[1] for row in session.execute(query)})
    database.engine.dispose()
    return found


def prove(settings: Settings) -> None:
    """Run ``executor verify`` over the whole database; it must find nothing."""
    command = [Path(sys.executable).with_name("executor"), "verify"]
    environment = {**os.environ, **environment_of(settings)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
