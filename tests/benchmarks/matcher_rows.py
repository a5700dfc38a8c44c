"""The matcher's rows: the core against engines that try playbooks one by one, the service against an echo."""

from __future__ import annotations

import gc
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import datalogic_py
import requests
from sqlalchemy import insert
from tests.benchmarks.harness import Row, compare, seconds, short, step
from tests.benchmarks.load import requests_per_second
from tests.support import catalogues
from tests.support.databases import new_database
from tests.support.pair import running_pair
from tests.support.processes import Served, free_port

from executor.store import tenants
from matcher.bootstrap import assemble
from matcher.matching import AppliedPolicy, Catalogue, Playbook, compile_catalogue, match
from sentinai.conditions.evaluation import context
from sentinai.conditions.evaluation.engine import run_library
from sentinai.database.engine import Database
from sentinai.database.tables import PlaybookRow
from sentinai.policy import Policy
from sentinai.settings import Settings

SIZES = (100, 1_000, 10_000, 100_000)
_SEEN = 2_000
"""Enough different exceptions that the cached answers of the index are seldom reused."""
_TENANT = "bench"


class Core:
    """A catalogue of some size, and contexts that are matched against it in turn."""

    def __init__(self, size: int) -> None:
        self.playbooks = catalogues.playbooks(size)
        self.catalogue: Catalogue = compile_catalogue(self.playbooks)
        # As in the service, which applies it once for each catalogue and its packs.
        self.policy = AppliedPolicy(Policy({}, {}), self.catalogue)
        chance = random.Random(3)
        self.contexts = [
            context.build(catalogues.exception(chance), domain_pack={}, policy_pack={}, as_of=catalogues.START)
            for _ in range(_SEEN)
        ]
        self._rules = [playbook.conditions.rule for playbook in self.playbooks]
        self._turn = self._turns()

    def _turns(self) -> Iterator[dict[str, Any]]:
        while True:
            yield from self.contexts

    def choose(self) -> None:
        """The best playbook and its reasons: what the other engines give, and more."""
        match(
            self.catalogue,
            next(self._turn),
            as_of=catalogues.START,
            limit=1,
            near_misses=0,
            policy=self.policy,
        )

    def match(self) -> None:
        """The whole answer by default: five ranked with reasons, three near misses, how long it holds."""
        match(self.catalogue, next(self._turn), as_of=catalogues.START, policy=self.policy)

    def one_by_one(self) -> None:
        """Every condition by json-logic-qubit, with nothing around it."""
        seen = next(self._turn)
        for rule in self._rules:
            with suppress(TypeError, ValueError, LookupError, ArithmeticError):
                run_library(rule, seen)


class Native:
    """The same rules in the fastest native engine: compiled once, evaluated in one call against parsed data."""

    def __init__(self, core: Core) -> None:
        engine = datalogic_py.Engine()
        self._session = engine.session()
        self._rules = [engine.compile(_plain(playbook)) for playbook in core.playbooks]
        self._data = [datalogic_py.DataHandle(json.dumps(each)) for each in core.contexts]
        self._turn = 0

    def __call__(self) -> None:
        """Every condition, once."""
        self._turn += 1
        self._session.evaluate_many(self._rules, self._data[self._turn % len(self._data)])


def _plain(playbook: Playbook) -> str:
    """The rule in plain JSON-Logic: a glob as the equality of texts, which is less work for that engine."""
    return json.dumps(playbook.conditions.rule).replace('{"glob":', '{"==":')


def core_rows(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """The matching core: the choice against engines that evaluate every rule, and what the whole answer adds."""
    times: dict[int, float] = {}
    for size in sizes:
        with step(f"core, {size:,} playbooks"):
            core = Core(size)
            core.match()
            times[size] = seconds(core.match, 0.5)
            if size == sizes[-1]:
                yield from _against(core, size, "json-logic-qubit one by one", core.one_by_one, 10_000, rounds=3)
            if size in (sizes[0], sizes[-1]):
                target = 2 if size == sizes[0] else 1_000
                yield from _against(core, size, "datalogic-py evaluate_many", Native(core), target, rounds=5)
    if 1_000 in times and sizes[-1] in times:
        yield _growth(times, sizes[-1])


def _against(
    core: Core, size: int, other: str, evaluate_all: Callable[[], None], target: float, rounds: int
) -> Iterator[Row]:
    for what, ours in (("the choice", core.choose), ("the whole answer", core.match)):
        found = compare(ours, evaluate_all, rounds=rounds, least=0.3)
        measured = f"{short(found.first)} against {short(found.second)}"
        name = f"match core, {what}, {size:,} playbooks"
        yield Row(name, other, found.ratio, found.low, found.high, target, "high", measured)


def _growth(times: Mapping[int, float], largest: int) -> Row:
    growth = times[largest] / times[1_000]
    measured = ", ".join(f"{size:,}: {short(times[size])}" for size in times)
    what = f"growth of the whole answer's time to {largest:,} playbooks"
    return Row(what, "1,000 playbooks", growth, growth, growth, 2.5, "low", measured)


def memory_row(size: int = 100_000) -> Row:
    """What a compiled catalogue adds to the process, beyond the playbooks that it was compiled from."""
    with step(f"memory of {size:,} playbooks"):
        playbooks = catalogues.playbooks(size)
        gc.collect()
        before = _resident_bytes()
        kept = compile_catalogue(playbooks)
        gc.collect()
        taken = _resident_bytes() - before
        each = taken / len(kept.playbooks) / 1024
    what = "memory of the compiled catalogue, a playbook"
    return Row(what, "—", each, each, each, 2, "low", f"{taken / 2**20:.0f} MiB", "KiB")


def _resident_bytes() -> int:
    """What the process takes of the machine: the bitmaps live outside of Python's own memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def service_rows(size: int = 10_000) -> Iterator[Row]:
    """The service over HTTP, and a cold build from the database."""
    folder = Path(tempfile.mkdtemp(prefix="sentinai-bench-"))
    url = new_database("sqlite", folder)
    with step(f"storing {size:,} playbooks"):
        _store(url, size)
    bodies = [
        json.dumps({"exception": catalogues.exception(random.Random(number))}).encode() for number in range(64)
    ]
    with running_pair(url, folder, gunicorn_threads=4) as pair, _Echo(folder, pair.environment) as echo:
        headers = {"Authorization": f"Bearer {pair.token(_TENANT)}", "Content-Type": "application/json"}
        with step("POST /api/match against an echo"):
            ratios, rates = [], []
            for _ in range(4):
                matched = requests_per_second(f"{pair.matcher.url}/api/match", bodies, headers)
                echoed = requests_per_second(f"{echo.url}/echo", bodies, headers)
                ratios.append(matched / echoed)
                rates.append((matched, echoed))
            # The first round warms both up.
            ratios, rates = sorted(ratios[1:]), rates[1:]
            measured = f"{rates[-1][0]:,.0f} against {rates[-1][1]:,.0f} requests/s"
        yield Row(
            f"POST /api/match, {size:,} playbooks, requests/s",
            "an empty Flask echo of the same bodies",
            ratios[len(ratios) // 2],
            ratios[0],
            ratios[-1],
            0.7,
            "high",
            measured,
        )
        with step("POST /api/match/batch"):
            chance = random.Random(5)
            batch = json.dumps({"exceptions": [catalogues.exception(chance) for _ in range(1000)]}).encode()
            took = seconds(lambda: _post(f"{pair.matcher.url}/api/match/batch", batch, headers), 5)
        yield Row(
            f"POST /api/match/batch, {size:,} playbooks, one core",
            "—",
            1000 / took,
            1000 / took,
            1000 / took,
            10_000,
            "high",
            f"1,000 exceptions in {short(took)}",
            "exceptions/s",
        )
        with step("a cold build, and a publish seen"):
            yield from _build_rows(url, pair.settings, size)


def _build_rows(url: str, settings: Settings, size: int) -> Iterator[Row]:
    catalogues_of_service = assemble(settings).catalogues
    cold = _duration(lambda: catalogues_of_service.current(_TENANT))
    _store(url, 1, first=size)
    seen = _duration(lambda: catalogues_of_service.current(_TENANT))
    what = f"build of {size:,} playbooks from the database, cold"
    yield Row(what, "—", cold, cold, cold, 0.5, "low", short(cold), "s")
    what = f"match after one more is published to {size:,}: what it waits"
    yield Row(what, "—", seen, seen, seen, 0.2, "low", short(seen), "s")


def _duration(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _store(url: str, size: int, first: int = 0) -> None:
    database = Database(Settings(database_url=url))
    chance = random.Random(11)

    def work(session: Any) -> None:
        tenants.add_tenant(session, _TENANT, "Benchmark")
        rows = [
            {
                "tenant_id": _TENANT,
                "name": f"Playbook {number}",
                "version": 1,
                "conditions": catalogues.document(chance),
                "status": "active",
                "created_at": catalogues.START,
            }
            for number in range(first, first + size)
        ]
        session.execute(insert(PlaybookRow), rows)
        tenants.increment_revision(session)

    database.write(_TENANT, work)
    database.engine.dispose()


class _Echo:
    """An empty Flask application that answers what it was sent, under the same gunicorn settings."""

    def __init__(self, folder: Path, environment: Any) -> None:
        (folder / "echo").mkdir()
        (folder / "echo" / "__init__.py").write_text("")
        (folder / "echo" / "app.py").write_text(
            "from flask import Flask, request\n\n\n"
            "def create_app():\n"
            "    app = Flask('echo')\n\n"
            "    @app.post('/echo')\n"
            "    def echo():\n"
            "        return request.get_json()\n\n"
            "    @app.get('/healthz')\n"
            "    def healthz():\n"
            "        return {}\n\n"
            "    return app\n"
        )
        environment = {**environment, "PYTHONPATH": str(folder)}
        self._served = Served("echo", free_port(), environment, folder / "echo.log")

    def __enter__(self) -> Served:
        self._served.wait()
        return self._served

    def __exit__(self, *_: object) -> None:
        self._served.stop()


def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    requests.post(url, data=body, headers=headers, timeout=120).raise_for_status()
