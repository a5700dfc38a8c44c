"""How long a tenant's matches take alone, and beside eight clients that send the costliest requests accepted.

The costliest are looked for first, as ``worst_request.py`` does, for a while.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import requests
from tests.benchmarks.harness import machine, short
from tests.benchmarks.worst_request import Candidate, Matcher, search
from tests.support.databases import new_database
from tests.support.processes import Served, environment_of, free_port

from sentinai.identity import mint_token
from sentinai.settings import Settings

_CLIENTS = 8


def main() -> None:
    """Search, measure, and print both percentiles and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="how long to search")
    parser.add_argument("--requests", type=int, default=1_000, help="how many to measure in each case")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        worst = _costliest(folder, options.minutes, options.seed)
        with _matcher(folder) as (url, settings):
            body = json.dumps({"exception": {"exception_id": "E-1", "severity": "high"}}).encode()
            _latencies(url, settings, body, options.requests // 10)
            alone = _latencies(url, settings, body, options.requests)
            print(f"alone: p99 {short(_percentile(alone, 0.99))}", flush=True)
            with _beside(url, settings, worst) as answers:
                beside = _latencies(url, settings, body, options.requests)
        print(f"{machine()}; {settings.gunicorn_workers} processes; the eight were answered {dict(answers)}")
        for what, share in (("median", 0.5), ("p99", 0.99)):
            least, most = _percentile(alone, share), _percentile(beside, share)
            print(f"{what}: alone {short(least)}, beside {short(most)}: {most / least:.1f} times")


def _costliest(folder: Path, minutes: float, seed: int) -> list[Candidate]:
    matcher = Matcher(folder)
    matcher.cost(Candidate("missing"))
    found = search(matcher, minutes, seed)[:_CLIENTS]
    for seconds, status, candidate in found:
        print(f"{seconds:.3f} s of processor time, {status}: {candidate}")
    return [candidate for _, _, candidate in found]


@contextmanager
def _matcher(folder: Path) -> Iterator[tuple[str, Settings]]:
    """A matcher as it is deployed, with as many processes as by default."""
    key, database = folder / "key", folder / "served"
    key.write_text(secrets.token_urlsafe(48))
    database.mkdir()
    settings = Settings(database_url=new_database("sqlite", database), jwt_key_file=str(key), log_level="ERROR")
    served = Served("matcher", free_port(), environment_of(settings), folder / "matcher.log")
    try:
        served.wait()
        yield served.url, settings
    finally:
        served.stop()


def _session(settings: Settings, tenant_id: str) -> requests.Session:
    session = requests.Session()
    token = mint_token(settings, subject="someone", tenant_id=tenant_id, roles=["viewer"], actor_type="human")
    session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    return session


def _latencies(url: str, settings: Settings, body: bytes, count: int) -> list[float]:
    """The seconds that each match of one client takes, one after the other."""
    session, found = _session(settings, "other"), []
    for _ in range(count):
        start = time.perf_counter()
        answer = session.post(f"{url}/api/match", data=body, timeout=60)
        found.append(time.perf_counter() - start)
        answer.raise_for_status()
    return found


@contextmanager
def _beside(url: str, settings: Settings, worst: Sequence[Candidate]) -> Iterator[Counter[int]]:
    """Let clients of another tenant send the costliest, each again and again; the statuses they get.

    They are in a process of their own, so that they do not delay the one that is measured.
    """
    statuses = Counter[int]()
    stopping = multiprocessing.Event()
    told: Any = multiprocessing.SimpleQueue()
    clients = multiprocessing.Process(target=_send_all, args=(url, settings, worst, stopping, told))
    clients.start()
    time.sleep(2)
    yield statuses
    stopping.set()
    statuses.update(told.get())
    clients.join()


def _send_all(url: str, settings: Settings, worst: Sequence[Candidate], stopping: Any, told: Any) -> None:
    statuses = Counter[int]()

    def send(index: int) -> None:
        session = _session(settings, "burning")
        bodies = [json.dumps(worst[index % len(worst)].body(salt=salt)).encode() for salt in range(20)]
        for body in itertools.cycle(bodies):
            if stopping.is_set():
                return
            statuses[session.post(f"{url}/api/match", data=body, timeout=60).status_code] += 1

    with ThreadPoolExecutor(_CLIENTS) as threads:
        list(threads.map(send, range(_CLIENTS)))
    told.put(statuses)


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


if __name__ == "__main__":
    main()
