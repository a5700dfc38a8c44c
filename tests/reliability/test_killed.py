"""Worker processes die at any moment, again and again: what was acknowledged is in the log, exactly once."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.support.casework import new_casework
from tests.support.crowd import Crowd, hold_against_the_log, ready_for_a_crowd
from tests.support.pair import Pair, running_pair
from tests.support.processes import Served

from sentinai.clock import utc_now

_RUNS = [50, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]


@pytest.mark.parametrize("kills", _RUNS)
def test_nothing_acknowledged_is_lost_or_done_twice_when_workers_are_killed(
    database_url: str, tmp_path: Path, kills: int
):
    seed = int(os.environ.get("SENTINAI_TEST_SEED") or secrets.randbits(32))
    print(f"SENTINAI_TEST_SEED={seed}")
    with running_pair(database_url, tmp_path, gunicorn_workers=3) as pair:
        work = new_casework(pair, utc_now())
        ready_for_a_crowd(work)
        with Crowd(work, [pair.executor.url], seed) as crowd:
            _kill(pair.executor, kills, random.Random(seed), crowd.wait_for)
        print(f"{kills} kills, {len(crowd.memory.told)} answers, tried again: {dict(crowd.memory.troubles)}")
        assert sum(crowd.memory.troubles.values()) > kills / 5, "hardly any of the kills was felt"
        hold_against_the_log(crowd.memory, work, lambda: outbox_rows(database_url, work.tenant_id))
    prove(pair)


def _kill(served: Served, kills: int, chance: random.Random, wait_for: Callable[[int], None]) -> None:
    """Kill random workers, each after some more answers, so that something is under way whenever one dies."""
    done = 0
    while done < kills:
        wait_for(chance.randint(1, 25))
        time.sleep(chance.uniform(0, 0.02))
        done += served.kill_worker(chance.randrange(100)) is not None


def outbox_rows(database_url: str, tenant_id: str) -> Counter[str]:
    """How many messages each exception of a tenant has in the outbox."""
    engine = create_engine(database_url)
    query = text("SELECT exception_id, count(*) FROM outbox WHERE tenant_id = :tenant_id GROUP BY exception_id")
    with engine.connect() as connection:
        found = Counter({row[0]: row[1] for row in connection.execute(query, {"tenant_id": tenant_id})})
    engine.dispose()
    return found


def prove(pair: Pair) -> None:
    """Run ``executor verify`` over the whole database; it must find nothing."""
    command = [Path(sys.executable).with_name("executor"), "verify"]
    done = subprocess.run(command, env={**os.environ, **pair.environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
