"""Two of everything behind nginx, on one PostgreSQL; one of each is killed while callers are at work."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from tests.support import nginx
from tests.support.casework import new_casework
from tests.support.concurrent_clients import (
    ConcurrentClients,
    compare_with_log,
    prepare_for_clients,
    prove,
    random_seed,
)
from tests.support.databases import hang_up, new_database
from tests.support.pair import Pair, of_service, running_pair
from tests.support.processes import Served, Worker, free_port, until

from sentinai.clock import utc_now

pytestmark = pytest.mark.skipif(nginx.executable() is None, reason="there is no nginx here")
_DEATHS = ("matcher", "executor", "worker", "connections")


def test_the_configuration_is_one(tmp_path: Path) -> None:
    proxy = nginx.Nginx(tmp_path, ["http://127.0.0.1:9"], ["http://127.0.0.1:9", "http://127.0.0.1:10"])
    assert proxy.check() == ""


@pytest.mark.postgres
@pytest.mark.reliability
def test_one_of_each_may_be_killed_under_load(tmp_path: Path) -> None:
    seed = random_seed()
    url = new_database("postgres", tmp_path)
    with ExitStack() as stack:
        pair = stack.enter_context(running_pair(url, tmp_path, worker_period_seconds=0.2))
        second = {name: _second(stack, pair, name, tmp_path) for name in ("matcher", "executor")}
        proxy = nginx.Nginx(
            tmp_path, [pair.matcher.url, second["matcher"].url], [pair.executor.url, second["executor"].url]
        )
        stack.enter_context(proxy)
        until(lambda: _answers(proxy.executor_url) and _answers(proxy.matcher_url))
        workers = [stack.enter_context(Worker(pair.settings, tmp_path / f"worker-{i}.log")) for i in (1, 2)]
        work = new_casework(pair, utc_now())
        prepare_for_clients(work)
        with ConcurrentClients(work, [proxy.executor_url], seed, clients=8, open_at_once=3) as clients:
            for death in _DEATHS:
                clients.wait_for(100)
                _kill(death, second, workers, url)
            clients.wait_for(200)
        compare_with_log(clients.memory, work, pair.settings)
    prove(pair.settings)


def _second(stack: ExitStack, pair: Pair, name: str, folder: Path) -> Served:
    served = Served(name, free_port(), of_service(name, pair.environment), folder / f"second-{name}.log")
    stack.callback(served.stop)
    served.wait()
    return served


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=2).ok
    except requests.RequestException:
        return False


def _kill(death: str, second: dict[str, Served], workers: list[Worker], url: str) -> None:
    """Kill a whole service, not one of its processes only; a worker; or every connection to the database."""
    if death == "worker":
        workers[0].kill()
    elif death == "connections":
        hang_up(url)
    else:
        second[death].kill()
