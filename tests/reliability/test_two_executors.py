"""Two executors on one database, and the same callers at both."""

from __future__ import annotations

from pathlib import Path

from tests.support.casework import new_casework
from tests.support.concurrent_clients import (
    ConcurrentClients,
    compare_with_log,
    prepare_for_clients,
    prove,
    random_seed,
)
from tests.support.pair import running_pair
from tests.support.processes import Served, free_port

from sentinai.clock import utc_now


def test_it_is_as_if_there_were_one(database_url: str, tmp_path: Path):
    seed = random_seed()
    with running_pair(database_url, tmp_path) as pair:
        other = Served("executor", free_port(), pair.environment, tmp_path / "other.log")
        try:
            other.wait()
            work = new_casework(pair, utc_now())
            prepare_for_clients(work)
            with ConcurrentClients(work, [pair.executor.url, other.url], seed, open_at_once=3) as clients:
                clients.wait_for(600)
        finally:
            other.stop()
        assert not clients.memory.failures
        compare_with_log(clients.memory, work, pair.settings)
    prove(pair.settings)
