"""Worker processes die at any moment, again and again: what was acknowledged is in the log, exactly once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.casework import new_casework
from tests.support.concurrent_clients import (
    ConcurrentClients,
    compare_with_log,
    prepare_for_clients,
    prove,
    random_seed,
)
from tests.support.pair import running_pair
from tests.support.processes import Served

from sentinai.clock import utc_now

_RUNS = [50, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]


@pytest.mark.parametrize("kills", _RUNS)
def test_nothing_acknowledged_is_lost_or_done_twice_when_processes_are_killed(
    database_url: str, tmp_path: Path, kills: int
):
    seed = random_seed()
    with running_pair(database_url, tmp_path, gunicorn_workers=3) as pair:
        work = new_casework(pair, utc_now())
        prepare_for_clients(work)
        with ConcurrentClients(work, [pair.executor.url], seed) as clients:
            _kill(pair.executor, kills, random.Random(seed), clients.wait_for)
        print(
            f"{kills} kills, {len(clients.memory.acknowledged)} answers, retries: {dict(clients.memory.failures)}"
        )
        assert sum(clients.memory.failures.values()) > kills / 5, "hardly any of the kills was felt"
        compare_with_log(clients.memory, work, pair.settings)
    prove(pair.settings)


def _kill(served: Served, kills: int, chance: random.Random, wait_for: Callable[[int], None]) -> None:
    """Kill random workers, each after some more answers, so that something is under way whenever one dies."""
    done = 0
    while done < kills:
        wait_for(chance.randint(1, 25))
        time.sleep(chance.uniform(0, 0.02))
        done += served.kill_worker(chance.randrange(100)) is not None
