"""A corrupt row costs what it says, and nothing else: no request fails unexpectedly, and no other tenant notices.

Every JSON column and, on SQLite, every instant is damaged in many ways, each for itself. Then every GET operation
and page is called, as the tenant and as another one.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, create_engine, text
from tests.conftest import database_of
from tests.support.casework import Casework, domain_pack, new_casework, note, own, tell, to_status
from tests.support.concurrent_clients import random_seed
from tests.support.databases import KINDS, as_role
from tests.support.threaded import Threaded, threaded_pair

from executor.import_export.export import export
from matcher.catalogue.cache import CatalogueCache
from matcher.web.workbench.access import EXTENSION
from sentinai.documents.schemas import check
from sentinai.problems import CorruptData

_KINDS = [pytest.param(kind, marks=[pytest.mark.postgres] * (kind == "postgres")) for kind in KINDS]
_DOCUMENTS = [
    ("exception", "normalized_context"),
    ("exception", "recommendation"),
    ("exception", "amount"),
    ("exception_event", "payload"),
    ("outbox", "payload"),
    ("playbook", "conditions"),
    ("playbook", "on_completion"),
    ("playbook_step", "params"),
    ("policy_pack", "pack"),
    ("domain_pack", "pack"),
]
_INSTANTS = [
    ("exception", "created_at"),
    ("exception", "sla_deadline"),
    ("exception_event", "created_at"),
    ("outbox", "created_at"),
    ("outbox", "next_attempt_at"),
    ("playbook", "created_at"),
    ("policy_pack", "created_at"),
    ("domain_pack", "created_at"),
]
_OF_ANY_TYPE = ["null", "5", "[]", '"text"', "{}", '[{"a": 1}]', '{"a": "\\ud800"}', "[" * 3000 + "]" * 3000]
_NO_JSON = ["{not json", "", '{"a":', '{"a": NaN}', "\x00"]
_NO_INSTANT = ["yesterday", "", "2026-13-40 00:00:00", "9999-12-31 23:59:59-12:00", "0001-01-01 00:00:00+12:00"]
_SAMPLE = 4
"""So many parts of a document are damaged in turn; the long test damages each."""


@dataclass(frozen=True, slots=True)
class Site:
    """Two services, their database past every guard, a tenant to be damaged, and one beside it."""

    pair: Threaded
    engine: Engine
    work: Casework
    neighbour: Casework
    ids: dict[str, str]
    catalogues: CatalogueCache

    @property
    def on_sqlite(self) -> bool:
        """Whether columns take anything."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def damaged(self, table: str, column: str, value: str) -> Iterator[None]:
        """One row with another value in a column; it has its own again in the end."""
        key = "domain = :domain" if table == "domain_pack" else "tenant_id = :tenant_id"
        where = f"{key} AND {_ROW[table]}"
        names = {"tenant_id": self.work.tenant_id, "domain": self.work.domain, **self.ids}
        with self.engine.begin() as connection:
            before = connection.execute(
                text(f"SELECT {_raw(column)} FROM {table} WHERE {where}"), names
            ).scalar_one()
        try:
            self._set(table, column, where, names, value)
            yield
        finally:
            self._set(table, column, where, names, before)

    def stored(self, table: str, column: str) -> Any:
        """The document in a column, before it is damaged."""
        with self.damaged(table, column, "{}"):
            pass
        key = "domain = :domain" if table == "domain_pack" else "tenant_id = :tenant_id"
        names = {"tenant_id": self.work.tenant_id, "domain": self.work.domain, **self.ids}
        statement = text(f"SELECT {_raw(column)} FROM {table} WHERE {key} AND {_ROW[table]}")
        with self.engine.begin() as connection:
            return json.loads(connection.execute(statement, names).scalar_one())

    def _set(self, table: str, column: str, where: str, names: dict[str, str], value: Any) -> None:
        kind = "" if self.on_sqlite else f"::{'timestamptz' if column.endswith('_at') else 'json'}"
        with self.engine.begin() as connection:
            connection.execute(
                text(f"UPDATE {table} SET {column} = (:value){kind} WHERE {where}"), {**names, "value": value}
            )
            connection.execute(text("UPDATE tenant SET catalogue_revision = catalogue_revision + 1"))
        # As a restart would: a version that was read once is not read again.
        self.catalogues._cache.clear()
        self.catalogues._domain_packs = {}


def _raw(column: str) -> str:
    return f"CAST({column} AS TEXT)"


_ROW = {
    "exception": "exception_id = :exception_id",
    "exception_event": "exception_id = :exception_id AND event_type = 'PlaybookStepCompleted' AND step_order = 1",
    "outbox": "exception_id = :exception_id",
    "playbook": "playbook_id = :playbook_id",
    "playbook_step": "playbook_id = :playbook_id AND step_order = 2",
    "policy_pack": "version = 1",
    "domain_pack": "version = 1",
}


@pytest.fixture(scope="module", params=_KINDS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("corrupt")
    apps: list[Any] = []

    def keep(app: Any) -> Any:
        apps.append(app)
        return app

    with threaded_pair(database_of(request.param, folder), folder, keep) as pair:
        engine = create_engine(as_role(pair.settings.database_url, "postgres"))
        with engine.begin() as connection:
            for statement in _DISARM[engine.dialect.name]:
                connection.execute(text(statement))
        work, neighbour = (new_casework(pair, pair.clock()) for _ in range(2))
        ids = _populate(work)
        _populate(neighbour)
        yield Site(pair, engine, work, neighbour, ids, apps[0].extensions[EXTENSION].services.catalogues)
        engine.dispose()


_DISARM = {
    "sqlite": ["DROP TRIGGER exception_event_refuse_update"],
    "postgresql": ["ALTER TABLE exception_event DISABLE TRIGGER USER"],
}


def _populate(work: Casework) -> dict[str, str]:
    done = {"set_status": "resolved"}
    work.publish("Other", [note()], exception_type="Meter Silent", priority=-1)
    playbook_id = work.publish(
        "Plan", [tell(), note(), own(queue="crew"), to_status("analyzing")], on_completion=done
    )
    attributes = {"amount": 12.5, "sla_deadline": work.due(hours=2)}
    exception_id, other, finished = (work.create_exception(**attributes) for _ in range(3))
    work.complete(exception_id, 1)
    for step in range(1, 5):
        work.complete(finished, step)
    return {"exception_id": exception_id, "other_id": other, "playbook_id": str(playbook_id)}


def _damages(site: Site, table: str, column: str, sample: int) -> list[str]:
    """Values that this product never writes, and what it wrote with one part missing or changed."""
    if (table, column) in _INSTANTS:
        return _NO_INSTANT
    found = [*_OF_ANY_TYPE, *(_NO_JSON if site.on_sqlite else ())]
    document = site.stored(table, column)
    if isinstance(document, dict):
        parts = [json.dumps(part) for part in _mutations(document)]
        found += random.Random(random_seed()).sample(parts, min(len(parts), sample))
    return found


def _mutations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key, value in document.items():
        yield {name: each for name, each in document.items() if name != key}
        yield from ({**document, key: other} for other in (5, None, "text", [], {}, [5], {"a": 5}))
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict):
            for changed in _mutations(inner):
                yield {**document, key: [changed, *value[1:]] if isinstance(value, list) else changed}


def _gets(site: Site, service: str) -> Iterator[tuple[str, str]]:
    """Every GET operation of a service: its path, and the schema of its answer."""
    ids = {**site.ids, "domain": site.work.domain}
    document = requests.get(f"{site.pair.urls[service]}/openapi.json", timeout=20).json()
    for template, methods in document["paths"].items():
        if "get" in methods:
            yield re.sub(r"\{(\w+)\}", lambda name: ids[name[1]], template), template


def _walk(site: Site) -> dict[str, str]:
    """Call all that reads as the damaged tenant. Returns what went wrong, by path."""
    wrong = {}
    for path, _ in _gets(site, "executor"):
        answer = site.work.admin("GET", path)
        if _is_unexpected(answer):
            wrong[path] = answer.text
    cookies = {"sentinai_session": site.pair.token(site.work.tenant_id, "admin")}
    pages = {
        "executor": [
            "/console/exceptions",
            "/console/exceptions?sort=created_at",
            f"/console/exceptions/{site.ids['exception_id']}",
            "/console/playbooks",
            f"/console/playbooks/{site.ids['playbook_id']}",
        ],
        "matcher": ["/workbench", "/workbench/material", f"/workbench/playbooks/{site.ids['playbook_id']}"],
    }
    for service, paths in pages.items():
        for path in paths:
            answer = requests.get(site.pair.urls[service] + path, cookies=cookies, timeout=20)
            if _is_unexpected(answer, "/exceptions/" in path or "/playbooks/" in path or "material" in path):
                wrong[path] = answer.text
    matcher = site.pair.client(site.work.tenant_id, "viewer", service="matcher")
    answer = matcher("POST", "/api/match", {"exception": site.work.document()})
    if _is_unexpected(answer):
        wrong["/api/match"] = answer.text
    return wrong


def _is_unexpected(answer: requests.Response, may_be_refused: bool = True) -> bool:
    if answer.status_code == 409 and may_be_refused:
        return (
            "application/problem+json" in answer.headers["Content-Type"]
            and answer.json()["code"] != "corrupt_data"
        )
    return answer.status_code != 200


def _seen_by(site: Site, work: Casework) -> list[Any]:
    matcher = site.pair.client(work.tenant_id, "viewer", service="matcher")
    match = matcher.ok("POST", "/api/match", {"exception": work.document(exception_id="M-1")})
    pages = (
        "exceptions",
        "playbooks",
        "policy-pack",
        f"domain-packs/{work.domain}",
        "deliveries",
        "analytics/playbooks",
    )
    return [*(work.admin.ok("GET", f"/api/{path}") for path in pages), {**match, "catalogue_revision": 0}]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("table", "column"), [*_DOCUMENTS, *_INSTANTS])
def test_a_damaged_value_is_met_with_a_problem_that_says_so(site: Site, table: str, column: str):
    _damage(site, table, column, _SAMPLE)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("table", "column"), _DOCUMENTS)
def test_a_document_with_any_part_damaged_is_met_with_a_problem_that_says_so(site: Site, table: str, column: str):
    _damage(site, table, column, sys.maxsize)


def _damage(site: Site, table: str, column: str, sample: int) -> None:
    if (table, column) in _INSTANTS and not site.on_sqlite:
        pytest.skip("PostgreSQL has no text in the place of an instant")
    others = _seen_by(site, site.neighbour)
    failures = {}
    for value in _damages(site, table, column, sample):
        with site.damaged(table, column, value):
            wrong = _walk(site)
            assert _seen_by(site, site.neighbour) == others, value
            with suppress(CorruptData):
                export(site.pair.services.database, site.work.tenant_id)
            site.pair.verify()
        failures.update({(value[:200], path): body[:300] for path, body in wrong.items()})
    assert not failures, f"{len(failures)}: {json.dumps([*map(str, failures.items())][:8], indent=1)}"
    assert _walk(site) == {}
    assert check("exception-page", site.work.admin.ok("GET", "/api/exceptions")) == []


def _garbage(site: Site) -> str:
    return "{not json" if site.on_sqlite else "5"


def test_lists_leave_out_what_cannot_be_read_and_name_it(site: Site):
    admin, exception_id, playbook_id = site.work.admin, site.ids["exception_id"], int(site.ids["playbook_id"])
    log = f"/api/exceptions/{exception_id}/events"
    [delivery] = admin.ok("GET", "/api/deliveries", params={"exception_id": exception_id})["items"]
    lists = [
        ("exception", "recommendation", "/api/exceptions", "exception-page", exception_id),
        ("playbook", "conditions", "/api/playbooks", "playbook-page", playbook_id),
        ("playbook_step", "params", "/api/playbooks", "playbook-page", playbook_id),
        ("playbook_step", "params", "/api/analytics/playbooks", "playbook-analytics", playbook_id),
        ("exception_event", "payload", log, "event-page", _step_event(site)),
        *(
            [("outbox", "created_at", "/api/deliveries", "delivery-page", delivery["delivery_id"])]
            * site.on_sqlite
        ),
    ]
    for table, column, path, schema, key in lists:
        before = admin.ok("GET", path)
        with site.damaged(table, column, _garbage(site)):
            page = admin.ok("GET", path)
        assert check(schema, page) == []
        assert page["unreadable"] == [key], (table, path)
        assert len(page["items"]) == len(before["items"]) - 1
        assert page["next_cursor"] is None
        assert "unreadable" not in before


def _step_event(site: Site) -> int:
    [done] = site.work.events(site.ids["exception_id"], "PlaybookStepCompleted")
    return int(done["seq"])


@pytest.mark.parametrize("column", ["recommendation", "created_at"])
@pytest.mark.parametrize("sort", ["created_at", "sla"])
def test_every_readable_item_is_on_one_of_the_pages(site: Site, column: str, sort: str):
    if column == "created_at" and not site.on_sqlite:
        pytest.skip("PostgreSQL has no text in the place of an instant")
    everything = {item["exception_id"] for item in site.work.admin.ok("GET", "/api/exceptions")["items"]}
    seen, unreadable, cursor = [], [], None
    with site.damaged("exception", column, _garbage(site)):
        for _ in range(9):
            page = site.work.admin.ok(
                "GET", "/api/exceptions", params={"limit": 1, "sort": sort, "cursor": cursor}
            )
            seen += [item["exception_id"] for item in page["items"]]
            unreadable += page.get("unreadable", [])
            cursor = page["next_cursor"]
            if cursor is None:
                break
    assert unreadable == [site.ids["exception_id"]]
    assert len(seen) == len(set(seen))
    assert set(seen) == everything - {*unreadable}


def test_analytics_say_how_many_events_are_not_counted(site: Site):
    before = site.work.admin.ok("GET", "/api/analytics/playbooks")
    with site.damaged("exception_event", "payload", "{}"):
        after = site.work.admin.ok("GET", "/api/analytics/playbooks")
    assert check("playbook-analytics", after) == []
    assert (before.get("unreadable_events"), after["unreadable_events"]) == (None, 1)
    assert sum(step["completed"] for step in after["items"][0]["steps"]) == 4


def test_one_that_cannot_be_read_is_refused_by_a_problem_that_names_it(site: Site):
    admin, exception_id, playbook_id = site.work.admin, site.ids["exception_id"], site.ids["playbook_id"]
    refused = [
        ("exception", "normalized_context", f"/api/exceptions/{exception_id}", exception_id),
        ("exception_event", "payload", f"/api/exceptions/{exception_id}/playbook", exception_id),
        ("playbook", "conditions", f"/api/playbooks/{playbook_id}", playbook_id),
        ("playbook_step", "params", f"/api/exceptions/{exception_id}/playbook", playbook_id),
        ("policy_pack", "pack", "/api/policy-pack", "Policy Pack"),
        ("domain_pack", "pack", f"/api/domain-packs/{site.work.domain}", site.work.domain),
    ]
    for table, column, path, named in refused:
        with site.damaged(table, column, _garbage(site)):
            problem = admin.problem(409, "corrupt_data", "GET", path)
            assert named in problem["detail"]
    with site.damaged("exception", "normalized_context", _garbage(site)):
        admin.problem(409, "corrupt_data", "PATCH", f"/api/exceptions/{exception_id}", {"amount": 4})


def test_the_matcher_leaves_a_corrupt_playbook_out_and_says_so(site: Site):
    matcher = site.pair.client(site.work.tenant_id, "viewer", service="matcher")
    body = {"exception": site.work.document()}
    whole = matcher.ok("POST", "/api/match", body)
    assert (whole["selected"]["name"], whole["errors"]) == ("Plan", [])
    with site.damaged("playbook", "conditions", _garbage(site)):
        rest = matcher.ok("POST", "/api/match", body)
        assert check("match-response", rest) == []
        [error] = rest["errors"]
        assert (error["playbook_id"], error["code"]) == (int(site.ids["playbook_id"]), "excluded")
        assert rest["selected"]["name"] == "Other"


def test_the_matcher_does_not_guess_what_a_corrupt_pack_says(site: Site):
    matcher = site.pair.client(site.work.tenant_id, "viewer", service="matcher")
    exception = site.work.document()
    elsewhere = {**exception, "domain": "Another"}
    with site.damaged("domain_pack", "pack", _garbage(site)):
        matcher.problem(409, "corrupt_data", "POST", "/api/match", {"exception": exception})
        matcher.ok("POST", "/api/match", {"exception": elsewhere})
        batch = matcher.ok("POST", "/api/match/batch", {"exceptions": [exception, elsewhere]})
        assert [result.get("code") for result in batch["results"]] == ["corrupt_data", None]
    with site.damaged("policy_pack", "pack", _garbage(site)):
        matcher.problem(409, "corrupt_data", "POST", "/api/match", {"exception": elsewhere})


def test_what_cannot_be_read_is_replaced_by_publishing_it_again(site: Site):
    work = new_casework(site.pair, site.pair.clock())
    spoilt = replace(site, work=work, ids={**site.ids, "playbook_id": str(work.publish("Plan", [note()]))})
    with ExitStack() as repaired:
        for table, column in (("policy_pack", "pack"), ("domain_pack", "pack"), ("playbook", "conditions")):
            repaired.enter_context(spoilt.damaged(table, column, _garbage(site)))
        assert work.policy()["version"] == 2
        pack = domain_pack(work.domain)
        assert work.admin.ok("PUT", f"/api/domain-packs/{work.domain}", pack)["version"] == 2
        document = work.playbook("Plan", [note()])
        assert work.admin.ok("POST", "/api/playbooks", document)["version"] == 2
        assert work.state(work.create_exception())["playbook"]["version"] == 2
        assert list(export(site.pair.services.database, work.tenant_id).playbooks) == ["Plan"]
        faults = site.pair.verify(work.tenant_id).faults
        assert {each.subject for each in faults} == {
            "policy pack 1",
            f"domain pack {work.domain} 1",
            f"playbook {spoilt.ids['playbook_id']}",
        }


def test_an_exception_is_created_though_its_playbook_cannot_be_read(site: Site):
    with site.damaged("playbook_step", "params", _garbage(site)):
        exception_id = site.work.create_exception()
        assert site.work.state(exception_id)["playbook"] is None
    site.pair.clock.advance(minutes=1)
    site.pair.work(site.work.tenant_id)
    assert site.work.state(exception_id)["playbook"]["name"] == "Plan"


def test_verification_names_the_row_and_goes_on(site: Site):
    with site.damaged("exception", "normalized_context", _garbage(site)):
        report = site.pair.verify()
    [fault] = report.faults
    assert (fault.tenant_id, fault.exception_id) == (site.work.tenant_id, site.ids["exception_id"])
    assert fault.describe() == "row cannot be read"
    assert report.exceptions >= 6
    assert site.pair.verify().valid


def test_an_export_stops_at_what_it_cannot_read(site: Site):
    """Without it, the export would look like a catalogue in which it was retired."""
    with site.damaged("playbook", "conditions", _garbage(site)), pytest.raises(CorruptData) as caught:
        export(site.pair.services.database, site.work.tenant_id)
    assert site.ids["playbook_id"] in caught.value.detail


def test_the_console_says_what_it_leaves_out(site: Site):
    pages = [
        ("exception", "recommendation", "exceptions", "1 exception cannot be read.", site.ids["exception_id"]),
        ("playbook", "conditions", "playbooks", "1 playbook cannot be read.", "Plan v1"),
        ("exception_event", "payload", f"exceptions/{site.ids['other_id']}", None, ""),
        ("exception_event", "payload", "playbooks", "1 event cannot be read and is not counted.", ""),
    ]
    for table, column, path, notice, named in pages:
        mention = f'{{"playbook_id": {site.ids["playbook_id"]}}}'
        value = mention if path == "playbooks" and table == "exception_event" else _garbage(site)
        with site.damaged(table, column, value):
            shown = {
                role: requests.get(
                    f"{site.pair.urls['executor']}/console/{path}",
                    cookies={"sentinai_session": site.pair.token(site.work.tenant_id, role)},
                    timeout=20,
                ).text
                for role in ("operator", "viewer")
            }
        for text_of_page in shown.values():
            assert (notice or "") in text_of_page
            assert notice or "cannot be read" not in text_of_page
        assert named in shown["operator"]
        assert not named or named not in shown["viewer"]
