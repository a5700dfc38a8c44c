"""Which of equally important playbooks wins: the one with the newest conditions, whatever else is published."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.databases import AUTHOR

from executor.import_export import folder
from executor.import_export.export import export
from executor.import_export.import_ import Options, import_bundle
from executor.publishing import playbooks
from executor.store import playbooks as playbook_store
from executor.store import tenants
from matcher.authoring.expectations import Case, run
from matcher.authoring.files import json_files, read_document
from matcher.authoring.validate import playbook_files
from matcher.catalogue.cache import CatalogueCache
from matcher.matching import match
from sentinai.conditions.evaluation import context
from sentinai.database.engine import Database
from sentinai.settings import Settings

START = datetime(2026, 5, 4, 6, 30, tzinfo=UTC)
EVERY = {"match": {}, "priority": 4}
LARGE = {"match": {"amount_gte": 100}, "priority": 4}
ADDED = {"action_type": "add_comment", "params": {"text": "Looked at."}}


class Catalogue:
    """A tenant's catalogue, published version by version, and its winners."""

    def __init__(self, database: Database, tenant_id: str = "quay") -> None:
        self.database = database
        self.tenant_id = tenant_id
        self.now = START
        database.write(tenant_id, lambda session: tenants.ensure_tenant(session, tenant_id))

    def publish(self, name: str, conditions: dict[str, Any], text: str = "", steps: int = 1) -> int:
        self.now += timedelta(minutes=1)
        listed = [{"name": f"Step {number}", **ADDED} for number in range(steps)]
        document = {"name": name, "description": text, "conditions": conditions, "steps": listed}
        published = playbooks.publish(self.database, self.tenant_id, document, AUTHOR, self.now, dry_run=False)
        assert published.playbook is not None
        return published.playbook.playbook_id

    def retire(self, playbook_id: int) -> None:
        playbooks.retire(self.database, self.tenant_id, playbook_id, AUTHOR, self.now)

    def winner(self, **exception: Any) -> str | None:
        """The winner of a catalogue that is read again."""
        return winner(CatalogueCache(self.database, 1), self.tenant_id, exception)


def winner(cache: CatalogueCache, tenant_id: str, exception: dict[str, Any]) -> str | None:
    given = {"exception_id": "X", **exception}
    seen = context.build(given, domain_pack={}, policy_pack={}, as_of=START)
    selected = match(cache.current(tenant_id).compiled, seen, as_of=START).selected
    return selected.playbook.name if selected else None


def winner_of_files(folder: Path, exception: dict[str, Any]) -> str | None:
    """What ``matcher test`` says of a folder."""
    files = playbook_files(map(read_document, json_files([folder / "playbooks"])))
    case = Case("", {"exception_id": "X", **exception}, START, None)
    playbooks = [each.playbook for each in files]
    report = run([case], playbooks, domain_pack={}, policy_pack={}, progress=lambda: None)
    return report.results[0].chosen


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(Settings(database_url=database_url))
    yield found
    found.engine.dispose()


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    return Catalogue(database)


def test_other_text_or_steps_flip_no_winner(catalogue: Catalogue):
    catalogue.publish("Older", EVERY)
    catalogue.publish("Newer", EVERY)
    for text, steps in (("Better said", 1), ("Better said", 3)):
        catalogue.publish("Older", EVERY, text, steps)
        assert catalogue.winner() == "Newer"


def test_other_conditions_or_another_priority_are_the_newest(catalogue: Catalogue):
    catalogue.publish("Older", EVERY)
    catalogue.publish("Newer", EVERY)
    catalogue.publish("Older", LARGE)
    assert (catalogue.winner(amount=100), catalogue.winner(amount=99)) == ("Older", "Newer")
    catalogue.publish("Newer", {**EVERY, "priority": 3})
    catalogue.publish("Newer", EVERY)
    assert catalogue.winner(amount=100) == "Newer"


def test_conditions_that_come_back_are_new_again(catalogue: Catalogue):
    for name, conditions in (("A", EVERY), ("B", EVERY), ("A", LARGE), ("A", EVERY), ("A", EVERY)):
        catalogue.publish(name, conditions, text="as before")
    assert catalogue.winner() == "A"


def test_another_spelling_says_the_same(catalogue: Catalogue):
    catalogue.publish("Older", {"match": {"amount_gte": 100, "entity": "Crane"}, "priority": 4})
    catalogue.publish("Newer", EVERY)
    catalogue.publish("Older", {"priority": 4.0, "match": {"amount_gte": 100, "entity": "Crane"}})
    rule = {"and": [{">=": [{"var": "exception.amount"}, 100]}, {"===": [{"var": "exception.entity"}, "Crane"]}]}
    catalogue.publish("Older", {"logic": rule, "priority": 4})
    assert catalogue.winner(amount=100, entity="Crane") == "Newer"


def test_a_retired_playbook_comes_back_as_a_new_one(catalogue: Catalogue):
    older = catalogue.publish("Older", EVERY)
    catalogue.publish("Newer", EVERY)
    catalogue.retire(older)
    assert catalogue.winner() == "Newer"
    catalogue.publish("Older", EVERY)
    assert catalogue.winner() == "Older"


def test_only_the_version_in_use_counts(catalogue: Catalogue):
    catalogue.publish("A", EVERY)
    catalogue.retire(catalogue.publish("A", LARGE))
    catalogue.publish("B", EVERY)
    catalogue.publish("A", EVERY, "as it is in use")
    assert catalogue.winner(amount=100) == "B"
    catalogue.publish("A", LARGE)
    assert catalogue.winner(amount=100) == "A"


def test_a_version_that_is_newest_again_ranks_as_it_did(catalogue: Catalogue):
    catalogue.publish("A", EVERY)
    catalogue.publish("B", EVERY)
    second = catalogue.publish("A", LARGE)
    assert catalogue.winner(amount=100) == "A"
    catalogue.retire(second)
    assert catalogue.winner(amount=100) == "B"


def test_the_same_name_of_another_tenant_does_not_count(catalogue: Catalogue, database: Database):
    Catalogue(database, "other").publish("Mine", EVERY)
    catalogue.publish("Yours", EVERY)
    catalogue.publish("Mine", EVERY)
    assert catalogue.winner() == "Mine"


def test_a_publish_that_is_read_as_a_difference_ranks_as_one_that_is_read_anew(catalogue: Catalogue):
    cache = CatalogueCache(catalogue.database, 1)
    for name, conditions, text in (("A", EVERY, ""), ("B", EVERY, ""), ("A", EVERY, "x"), ("A", EVERY, "y")):
        catalogue.publish(name, conditions, text)
        assert winner(cache, catalogue.tenant_id, {}) == catalogue.winner()


def test_publishing_at_the_same_time_keeps_one_origin(catalogue: Catalogue):
    catalogue.publish("Older", EVERY)
    catalogue.publish("Newer", EVERY)
    threads = [
        threading.Thread(target=catalogue.publish, args=("Older", EVERY, f"Text {number}")) for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catalogue.winner() == "Newer"
    with catalogue.database.read(catalogue.tenant_id) as session:
        ids = [each.playbook_id for each in playbook_store.versions(session) if each.name == "Older"]
        found = {rule.origin for rule in playbook_store.rules_of(session, ids).values()}
    assert len(ids) == 7
    assert len(found) == 1


CHANGES_OF_ONE = st.tuples(st.sampled_from("ABC"), st.sampled_from([EVERY, LARGE, {**LARGE, "priority": 5}]))
CHANGES = st.lists(CHANGES_OF_ONE, min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES, st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=5))
def test_no_sequence_of_edits_flips_a_winner(database: Database, changes: list[Any], edits: list[tuple[int, int]]):
    catalogue = Catalogue(database, uuid4().hex)
    current: dict[str, dict[str, Any]] = {}
    for name, conditions in changes:
        catalogue.publish(name, conditions)
        current[name] = conditions
    before = [catalogue.winner(amount=amount) for amount in (99, 100)]
    names = sorted(current)
    for number, (which, steps) in enumerate(edits):
        name = names[which % len(names)]
        catalogue.publish(name, current[name], f"Text {number}", steps)
        assert [catalogue.winner(amount=amount) for amount in (99, 100)] == before


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(CHANGES_OF_ONE, st.integers(1, 2), st.booleans()), min_size=1, max_size=9),
    st.sampled_from([LARGE, None]),
)
def test_an_exported_folder_answers_as_the_catalogue_and_so_does_a_copy_of_it(
    database: Database, tmp_path: Path, published: list[Any], edit: Any
):
    catalogue, copy = (Catalogue(database, uuid4().hex) for _ in range(2))
    for number, ((name, conditions), steps, retired) in enumerate(published):
        playbook_id = catalogue.publish(name, conditions, f"Text {number}", steps)
        if retired:
            catalogue.retire(playbook_id)
    files = folder.files_of(export(database, catalogue.tenant_id))
    path = tmp_path / catalogue.tenant_id
    folder.write(path, {**files, "policy-pack.json": "{}"})
    if not (path / "playbooks").exists():
        return

    def by_files() -> list[str | None]:
        return [winner_of_files(path, {"amount": amount}) for amount in (99, 100)]

    assert by_files() == [catalogue.winner(amount=amount) for amount in (99, 100)]
    _import(copy, path)
    assert by_files() == [copy.winner(amount=amount) for amount in (99, 100)]
    if edit:
        one = sorted((path / "playbooks").iterdir())[0]
        one.write_text(json.dumps({**json.loads(one.read_text()), "conditions": edit}))
        expected = by_files()
        _import(catalogue, path)
        assert expected == [catalogue.winner(amount=amount) for amount in (99, 100)]


def _import(catalogue: Catalogue, path: Path) -> None:
    catalogue.now += timedelta(minutes=1)
    import_bundle(catalogue.database, catalogue.tenant_id, folder.read(path), AUTHOR, catalogue.now, Options())
