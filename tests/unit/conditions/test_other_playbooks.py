"""Peers that are kept: read once, then only what has changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sentinai.conditions import parse
from sentinai.conditions.lint.other_playbooks import (
    Change,
    OtherPlaybooks,
    OtherPlaybooksCache,
    PublishedRule,
    difference,
)

NOW = datetime(2026, 8, 3, 10, tzinfo=UTC)


def other(number: int, name: str, version: int = 1) -> PublishedRule:
    return PublishedRule(number, name, version, NOW, parse({"match": {"entity": name}}))


class Catalogue:
    """A catalogue that counts what is read of it."""

    def __init__(self, *other_playbooks: PublishedRule) -> None:
        self.other_playbooks: Iterable[PublishedRule] = other_playbooks
        self.read: list[int] = []

    def since(self, other_playbooks: OtherPlaybooks) -> Change:
        gone, come = difference(other_playbooks, self.other_playbooks)
        self.read += [each.playbook_id for each in come]
        return gone, come


def test_what_stays_is_read_once():
    kept, catalogue = OtherPlaybooksCache(), Catalogue(other(1, "Ebb"), other(2, "Flow"))
    for revision in (4, 4, 5):
        with kept.at("harbour", revision, catalogue.since) as other_playbooks:
            assert set(other_playbooks) == {1, 2}
    catalogue.other_playbooks = [other(2, "Flow"), other(3, "Flow", 2), other(4, "Slack")]
    with kept.at("harbour", 6, catalogue.since) as other_playbooks:
        assert set(other_playbooks) == {3, 4}
        assert not other_playbooks.same_as(parse({"match": {"entity": "Ebb"}}))
        assert [each.version for each in other_playbooks.same_as(parse({"match": {"entity": "Flow"}}))] == [2]
    assert catalogue.read == [1, 2, 3, 4]


def test_tenants_have_peers_of_their_own_and_the_last_few_are_kept():
    kept, catalogues = (
        OtherPlaybooksCache(),
        {f"T{number}": Catalogue(other(number, "Ebb")) for number in range(6)},
    )
    for _ in range(2):
        for number, (tenant_id, catalogue) in enumerate(catalogues.items()):
            with kept.at(tenant_id, 1, catalogue.since) as other_playbooks:
                assert set(other_playbooks) == {number}
    assert [len(catalogue.read) for catalogue in catalogues.values()] == [2] * 6


def test_what_fails_to_be_read_is_read_again():
    kept, catalogue = OtherPlaybooksCache(), Catalogue(other(1, "Ebb"))

    def fail(_: OtherPlaybooks) -> Change:
        raise ConnectionError

    for _ in range(2):
        try:
            with kept.at("harbour", 1, fail):
                raise AssertionError("it was read")
        except ConnectionError:
            pass
    with kept.at("harbour", 1, catalogue.since) as other_playbooks:
        assert set(other_playbooks) == {1}
