"""Workers in processes of their own: several at once, asked to stop, killed in the middle, kept waiting."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support import outbox
from tests.support.casework import Casework, new_casework, note, tell
from tests.support.concurrent_clients import random_seed
from tests.support.processes import Worker, until
from tests.support.threaded import Threaded, serving, threaded_pair
from werkzeug.wrappers import Request, Response

from sentinai.clock import utc_now
from sentinai.settings import Settings

_PATIENCE_SECONDS = 60


class Receiver:
    """Takes what is posted, and answers when its gate is open."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.keys.append(Request(environ).headers["Idempotency-Key"])
        self.gate.wait(_PATIENCE_SECONDS)
        return Response("thanks")(environ, start_response)


@dataclass(frozen=True, slots=True)
class Yard:
    """A tenant at work, where its messages go, and workers to be started."""

    work: Casework
    pair: Threaded
    receiver: Receiver
    settings: Settings
    start_worker: Callable[[], Worker]

    def ask_for_messages(self, exceptions: int, each: int) -> None:
        """Complete notify steps, so that this many messages are pending."""
        self.work.publish("Tell", [tell(channel="webhook") for _ in range(each)])
        for _ in range(exceptions):
            exception_id = self.work.create_exception()
            for step in range(1, each + 1):
                self.work.complete(exception_id, step)

    def create_due(self, exceptions: int) -> list[str]:
        """Exceptions whose threshold passed long ago, for a worker that goes by the real time."""
        self.work.publish("Calm", [note()])
        self.work.publish("Hurry", [note()], sla_minutes_remaining_lt=20, priority=9)
        return [self.work.create_exception(sla_deadline=self.work.due(minutes=45)) for _ in range(exceptions)]

    def look_later(self, **distance: float) -> None:
        """Let a worker of this process look, at so much later than it really is."""
        at = utc_now() + timedelta(**distance)
        self.pair.clock.advance(seconds=(at - self.pair.clock()).total_seconds())
        self.pair.work(webhook_url=self.settings.webhook_url)

    def counts(self) -> dict[str, int]:
        """How many messages are pending, delivered and failed."""
        return outbox.counts(self.pair.services.database, self.work.tenant_id)

    def recalculated(self, exception_ids: list[str]) -> list[str]:
        """What made each of the recommendations given after the first."""
        logs = [self.work.events(exception_id, "PlaybookRecalculated") for exception_id in exception_ids]
        return [event["payload"]["trigger"] for log in logs for event in log[1:]]

    def sent(self) -> Counter[str]:
        """How often each message is in the log as sent."""
        listed = self.work.admin.ok("GET", "/api/exceptions", params={"limit": 200})["items"]
        logs = [self.work.events(each["exception_id"], "NotificationSent") for each in listed]
        return Counter(event["payload"]["outbox_id"] for log in logs for event in log)


@pytest.fixture
def yard(database_url: str, tmp_path: Path) -> Iterator[Yard]:
    receiver = Receiver()
    started: list[Worker] = []
    with threaded_pair(database_url, tmp_path) as pair, ExitStack() as stack:
        work = new_casework(pair, pair.clock())
        url = stack.enter_context(serving(receiver))
        settings = replace(pair.settings, webhook_url=url, worker_period_seconds=0.1, outbox_timeout_seconds=30)

        def start_worker() -> Worker:
            started.append(Worker(settings, tmp_path / f"worker-{len(started)}.log"))
            return started[-1]

        yield Yard(work, pair, receiver, settings, start_worker)
        receiver.gate.set()
        for worker in started:
            worker.kill()
        assert pair.verify().valid


def test_two_workers_at_once_do_nothing_twice(yard: Yard):
    due = yard.create_due(12)
    yard.ask_for_messages(6, each=5)
    workers = [yard.start_worker() for _ in range(2)]
    until(lambda: yard.counts() == {"delivered": 30})
    until(lambda: len(yard.recalculated(due)) >= len(due))
    assert [worker.stop() for worker in workers] == [0, 0]
    assert Counter(yard.receiver.keys).most_common(1)[0][1] == 1
    assert (len(yard.sent()), set(yard.sent().values())) == (30, {1})
    assert set(yard.recalculated(due)) <= {"expired", "catalogue_changed"}
    assert len(yard.recalculated(due)) == len(due)


def test_a_slow_receiver_does_not_delay_recommendations(yard: Yard):
    due = yard.create_due(2)
    yard.ask_for_messages(1, each=1)
    yard.receiver.gate.clear()
    yard.start_worker()
    until(lambda: yard.receiver.keys)
    until(lambda: len(yard.recalculated(due)) == len(due))
    assert yard.counts() == {"pending": 1}


def test_asked_to_stop_a_worker_finishes_what_it_is_at_and_hands_back_the_rest(yard: Yard):
    yard.ask_for_messages(2, each=3)
    yard.receiver.gate.clear()
    worker = yard.start_worker()
    until(lambda: len(yard.receiver.keys) == 4)  # As many as go to one address at a time.
    worker.process.terminate()
    yard.receiver.gate.set()
    assert worker.stop() == 0
    assert yard.counts() == {"delivered": 4, "pending": 2}
    yard.look_later(seconds=1)
    assert yard.counts() == {"delivered": 6}
    assert len(set(yard.receiver.keys)) == len(yard.receiver.keys) == 6


def test_asked_to_stop_again_and_again_a_worker_stops_as_if_asked_once(yard: Yard):
    yard.ask_for_messages(1, each=1)
    yard.receiver.gate.clear()
    worker = yard.start_worker()
    until(lambda: yard.receiver.keys)
    for _ in range(20_000):  # while it waits for its message
        os.kill(worker.process.pid, signal.SIGTERM)
    yard.receiver.gate.set()
    assert worker.stop() == 0
    assert yard.counts() == {"delivered": 1}


def test_what_was_posted_by_a_worker_that_died_is_posted_again_under_its_key_and_recorded_once(yard: Yard):
    yard.ask_for_messages(1, each=1)
    yard.receiver.gate.clear()
    worker = yard.start_worker()
    until(lambda: yard.receiver.keys)
    worker.kill()
    yard.receiver.gate.set()
    yard.look_later(seconds=30)
    assert yard.counts() == {"pending": 1}
    yard.look_later(hours=1)
    assert yard.counts() == {"delivered": 1}
    [first, second] = yard.receiver.keys
    assert first == second
    [(_, times)] = yard.sent().items()
    assert times == 1


def test_workers_that_die_at_any_moment_lose_no_message_and_record_none_twice(yard: Yard):
    chance = random.Random(random_seed())
    yard.ask_for_messages(25, each=6)
    for _ in range(3):  # each may take some forty with it
        worker, taken = yard.start_worker(), len(yard.receiver.keys)
        goal = taken + chance.randint(1, 14)
        until(lambda goal=goal: len(yard.receiver.keys) >= goal)
        time.sleep(chance.uniform(0, 0.02))
        worker.kill()
    while yard.counts().get("pending"):
        yard.look_later(hours=1)
    assert yard.counts() == {"delivered": 150}
    assert (len(yard.sent()), set(yard.sent().values())) == (150, {1})
    assert set(yard.receiver.keys) == set(yard.sent())
