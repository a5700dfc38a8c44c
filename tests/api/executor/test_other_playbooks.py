"""What a new playbook is checked against: the catalogue as it is now, read once, then only what has changed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.databases import AUTHOR

from executor.publishing import playbooks
from executor.publishing.other_playbooks import OtherPlaybooksCache
from executor.store import playbooks as playbook_store
from sentinai.clock import utc_now
from sentinai.database.engine import Database
from sentinai.settings import Settings


@pytest.fixture
def database(database_url: str) -> Database:
    return Database(Settings(database_url=database_url))


def publish(database: Database, cache: OtherPlaybooksCache, tenant_id: str, name: str, berth: str) -> Any:
    step = {"name": "Note", "action_type": "add_comment", "params": {"text": "Seen."}}
    document = {"name": name, "conditions": {"match": {"entity": berth}}, "steps": [step]}
    return playbooks.publish(database, tenant_id, document, AUTHOR, utc_now(), dry_run=False, cache=cache)


def duplicates(published: Any) -> list[str]:
    return [each.playbook for each in published.warnings if each.code == "duplicate"]


def test_each_version_is_read_once_and_what_is_gone_is_forgotten(database: Database, monkeypatch: Any):
    read: list[int] = []
    rules_of = playbook_store.rules_of

    def counted(session: Any, playbook_ids: Any) -> Any:
        read.extend(playbook_ids)
        return rules_of(session, playbook_ids)

    monkeypatch.setattr(playbook_store, "rules_of", counted)
    monkeypatch.setattr(playbook_store, "digests", lambda _, playbook_ids: dict.fromkeys(playbook_ids, "0" * 64))
    cache = OtherPlaybooksCache()
    ebb = publish(database, cache, "harbour", "Ebb", "Pier 4").playbook
    assert duplicates(publish(database, cache, "harbour", "Flow", "Pier 4")) == ["Ebb"]
    changed = publish(database, cache, "harbour", "Ebb", "Pier 5").playbook
    assert duplicates(publish(database, cache, "harbour", "Slack", "Pier 4")) == ["Flow"]
    database.write("harbour", lambda session: playbook_store.retire(session, changed, AUTHOR, utc_now()))
    database.write("harbour", lambda session: playbook_store.retire(session, ebb, AUTHOR, utc_now()))
    assert duplicates(publish(database, cache, "harbour", "Spring", "Pier 5")) == []
    assert len(read) == len(set(read)) == 4


def test_new_steps_are_checked_at_the_rank_that_the_playbook_keeps(database: Database):
    cache = OtherPlaybooksCache()
    publish(database, cache, "harbour", "Ebb", "Pier 4")
    publish(database, cache, "harbour", "Flow", "Pier 4")
    step = {"name": "Note", "action_type": "add_comment", "params": {"text": "Seen again."}}
    document = {"name": "Ebb", "conditions": {"match": {"entity": "Pier 4"}}, "steps": [step]}
    published = playbooks.publish(database, "harbour", document, AUTHOR, utc_now(), dry_run=True, cache=cache)
    assert [each.hint for each in published.warnings] == ["It ranks higher, so this one is never selected."]


def test_tenants_have_their_own_and_only_a_few_are_cached(database: Database):
    cache = OtherPlaybooksCache()
    for _ in range(2):
        for number in range(6):
            assert duplicates(publish(database, cache, f"T{number}", "Ebb", "Pier 4")) == []
    assert duplicates(publish(database, cache, "T3", "Flow", "Pier 4")) == ["Ebb"]
