"""Answers are lost after the commit, and clients try again: nothing is done twice."""

from __future__ import annotations

from collections import Counter
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
from tests.support.tcp_proxy import LossyProxy

from sentinai.clock import utc_now


def test_what_is_repeated_because_its_answer_was_lost_is_done_once(database_url: str, tmp_path: Path):
    seed = random_seed()
    with running_pair(database_url, tmp_path) as pair, LossyProxy(pair.executor.url, seed) as proxy:
        work = new_casework(pair, utc_now())
        prepare_for_clients(work)
        with ConcurrentClients(work, [proxy.url], seed, clients=8) as clients:
            clients.wait_for(300)
        assert sum(clients.memory.failures.values()) > 50
        compare_with_log(clients.memory, work, pair.settings)
        created = set(clients.memory.created)
        listed = work.admin.ok("GET", "/api/exceptions", params={"limit": 200})["items"]
        assert Counter(item["exception_id"] for item in listed) == Counter(created)
        for exception_id in created:
            assert len(work.events(exception_id, "ExceptionCreated")) == 1
    prove(pair.settings)
