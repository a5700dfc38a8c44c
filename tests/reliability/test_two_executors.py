"""Two executors on one database, and the same callers at both."""

from __future__ import annotations

from pathlib import Path

from tests.support.casework import new_casework
from tests.support.crowd import Crowd, hold_against_the_log, prove, ready_for_a_crowd, seed_of_this_run
from tests.support.pair import running_pair
from tests.support.processes import Served, free_port

from sentinai.clock import utc_now


def test_it_is_as_if_there_were_one(database_url: str, tmp_path: Path):
    seed = seed_of_this_run()
    with running_pair(database_url, tmp_path) as pair:
        other = Served("executor", free_port(), pair.environment, tmp_path / "other.log")
        try:
            other.wait()
            work = new_casework(pair, utc_now())
            ready_for_a_crowd(work)
            with Crowd(work, [pair.executor.url, other.url], seed, open_at_once=3) as crowd:
                crowd.wait_for(600)
        finally:
            other.stop()
        assert not crowd.memory.troubles
        hold_against_the_log(crowd.memory, work, pair.settings)
    prove(pair.settings)
