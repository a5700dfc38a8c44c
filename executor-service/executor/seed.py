"""Loads a folder of tenants: packs, playbooks, exceptions, and work on the exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.progress import Progress

from executor.bootstrap import Services
from executor.domain.model import Actor
from executor.import_export.folder import InvalidFolder, read
from executor.import_export.import_ import Options, import_bundle
from executor.service_layer import create, steps, update
from executor.store import tenants
from sentinai.clock import relative_time
from sentinai.documents import strict_json
from sentinai.documents.schemas import require
from sentinai.problems import InvalidDocument, MatcherUnavailable, Problem

LOADER = Actor("system", "loader", None)
_TIMES = ("sla_deadline", "created_at")


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of loaded objects."""

    tenants: int = 0
    playbooks: int = 0
    exceptions: int = 0

    def __str__(self) -> str:
        return f"{self.tenants} tenants, {self.playbooks} playbooks and {self.exceptions} exceptions"


def load(services: Services, folder: Path, progress: Progress) -> Counts:
    """Load every tenant in ``folder``. Exceptions that exist are skipped.

    Raises:
        InvalidDocument: a document is not valid; the detail names the file.
        MatcherUnavailable: nothing was loaded.
    """
    ready = services.matcher.is_ready()
    if ready != "ok":
        raise MatcherUnavailable(
            f"Seeding needs the matcher, to recommend a playbook for each exception, but {ready}"
        )
    counts = Counts()
    for tenant_folder in sorted(path.parent for path in folder.glob("*/tenant.json")):
        tenant = _read(tenant_folder / "tenant.json")
        tenant_id = tenant["tenant_id"]
        published = _load_catalogue(services, tenant_folder, tenant)
        entries = _read(tenant_folder / "exceptions.json")
        task = progress.add_task(f"Loading {tenant['name']}", total=len(entries))
        for index, entry in enumerate(entries):
            with _located(tenant_folder / "exceptions.json", f"/{index}"):
                _load_exception(services, tenant_id, entry)
            progress.advance(task)
        counts = replace(
            counts,
            tenants=counts.tenants + 1,
            playbooks=counts.playbooks + published,
            exceptions=counts.exceptions + len(entries),
        )
    return counts


def _load_catalogue(services: Services, folder: Path, tenant: Mapping[str, Any]) -> int:
    tenant_id, now = tenant["tenant_id"], services.clock()
    services.database.write(tenant_id, lambda session: tenants.add_tenant(session, tenant_id, tenant["name"]))
    try:
        content = read(folder)
        import_bundle(services.database, tenant_id, content, LOADER, now, Options(domain_packs=True))
    except InvalidFolder as error:
        path, findings = next(iter(error.findings.items()))
        raise InvalidDocument.about(str(path), findings) from error
    return len(content.bundle.playbooks)


def _load_exception(services: Services, tenant_id: str, entry: Mapping[str, Any]) -> None:
    """Create an exception and work on it. One that exists is skipped, because its relative times have changed."""
    now = services.clock()
    document = _with_times(entry["exception"], now)
    require("exception-create", document)
    with services.store.read(tenant_id) as tx:
        if tx.created_event(document["exception_id"]):
            return
    created = create.create_exception(
        services.store,
        services.matcher,
        document,
        tenant_id=tenant_id,
        exception_id=document["exception_id"],
        actor=LOADER,
        now=now,
    )
    if created.is_new:
        for work in entry.get("work", ()):
            _work_on(services, tenant_id, document["exception_id"], work)


def _work_on(services: Services, tenant_id: str, exception_id: str, work: Mapping[str, Any]) -> None:
    now = services.clock()
    actor = Actor(work.get("actor_type", "human"), work.get("actor_id", "operator"), LOADER.actor_id)
    if work["do"] == "comment":
        update.comment(services.store, tenant_id, exception_id, work["text"], actor, now)
        return
    if work["do"] == "start":
        steps.start(services.store, tenant_id, exception_id, actor, now)
        return
    modes = {"complete": "execute", "attest": "attest", "skip": "skip"}
    call = steps.StepCall(
        exception_id=exception_id,
        step_order=work["step"],
        actor=actor,
        mode=modes[work["do"]],
        notes=work.get("reason") or work.get("notes"),
    )
    steps.finish(services.store, tenant_id, call, now, services.settings.tool_mode)


def _with_times(document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The document with relative times, such as ``+PT45M``, resolved against ``now``."""
    times = {name: relative_time(document[name], now) for name in _TIMES if document.get(name)}
    return {**document, **times}


def _read(path: Path) -> Any:
    with _located(path):
        return strict_json.loads(path.read_bytes())


@contextmanager
def _located(path: Path, pointer: str = "") -> Iterator[None]:
    """Add the file, and the position in it, to any problem."""
    try:
        yield
    except Problem as problem:
        where = f"{path} at {pointer}" if pointer else str(path)
        raise InvalidDocument(f"{where}: {problem.detail}", findings=problem.findings) from problem
