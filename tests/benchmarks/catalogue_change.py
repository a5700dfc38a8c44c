"""How long the worker takes to bring waiting exceptions up to a changed catalogue, with a matcher in a process.

The change is of three kinds: one that says nothing new about any exception, one after which each is still
recommended the same playbook but for which the explanation is new, and one that gives each another playbook.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.executor_rows import OnePlaybook
from tests.conftest import database_of
from tests.support.databases import AUTHOR
from tests.support.pair import Pair, running_pair

from executor.bootstrap import Services, assemble
from executor.domain.model import Actor
from executor.publishing import packs, playbooks
from executor.service_layer import create
from executor.worker import catalogue_changes
from sentinai.clock import utc_now
from sentinai.telemetry import configure_logging

_TENANT = "waiting"
_STEPS = [{"name": "Note it", "action_type": "add_comment", "params": {"text": "Seen."}}]
_DOMAIN, _TYPES = "Finance", 50


def main() -> None:
    """Measure on the databases that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exceptions", type=int, default=20_000)
    parser.add_argument("--playbooks", type=int, default=500)
    parser.add_argument("--database", choices=("sqlite", "postgres"), action="append")
    given = parser.parse_args()
    for kind in given.database or ("sqlite", "postgres"):
        folder = Path(tempfile.mkdtemp(prefix="sentinai-bench-"))
        with running_pair(database_of(kind, folder), folder, log_level="ERROR") as pair:
            _measure(kind, pair, given.exceptions, given.playbooks)


def _measure(kind: str, pair: Pair, exceptions: int, published: int) -> None:
    configure_logging("benchmark", "ERROR")
    services = assemble(pair.settings)
    packs.put_policy_pack(services.database, _TENANT, {"tags": []}, AUTHOR, utc_now())
    first = _publish(services, "Broad", 0)
    for number in range(published - 1):
        _publish(services, f"Narrow {number}", 1, exception_type=f"Type {number % _TYPES}", severity="critical")
    _create(services, first, exceptions)
    print(
        f"{kind}, {exceptions:,} waiting exceptions, {published:,} playbooks, one worker and one matcher process"
    )
    _follow(services, "the explanation is new", exceptions)
    _publish(services, "Narrow 1", 2, exception_type="Type 1", severity="critical")
    _follow(services, "nothing is new", exceptions)
    _publish(services, "Better", 5)
    _follow(services, "another playbook for each", exceptions)
    services.database.engine.dispose()


def _publish(services: Services, name: str, priority: int, **match: str) -> int:
    conditions = {"match": {"domain": _DOMAIN, **match}, "priority": priority}
    document = {"name": name, "conditions": conditions, "steps": _STEPS}
    found = playbooks.publish(services.database, _TENANT, document, AUTHOR, utc_now(), dry_run=False).playbook
    assert found
    return found.playbook_id


def _create(services: Services, playbook_id: int, number: int) -> None:
    """Exceptions that have the playbook already, by an answer that says less than the matcher's."""
    matcher = OnePlaybook("Broad", playbook_id)
    for index in range(number):
        document = {
            "domain": _DOMAIN,
            "exception_type": f"Type {index % _TYPES}",
            "severity": "medium",
            "amount": index,
            "normalized_context": {"venue": "XPAR", "attempt": index % 7},
        }
        create.create_exception(
            services.store,
            matcher,
            document,
            tenant_id=_TENANT,
            exception_id=f"EX-{index}",
            actor=Actor("human", "alex"),
            now=utc_now(),
        )


def _follow(services: Services, what: str, exceptions: int) -> None:
    started = time.perf_counter()
    while catalogue_changes.follow(services, _TENANT):
        pass
    seconds = time.perf_counter() - started
    rate = exceptions / seconds
    print(f"  {what}: {seconds:.1f} s, {rate:,.0f} exceptions/s, {100_000 / rate:.0f} s for 100,000", flush=True)


if __name__ == "__main__":
    main()
