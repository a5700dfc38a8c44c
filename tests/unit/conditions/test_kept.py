"""Peers that are kept: read once, then only what has changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sentinai.conditions import parse
from sentinai.conditions.lint.kept import Change, KeptPeers, difference
from sentinai.conditions.lint.other_playbooks import Peer, Peers, newest

NOW = datetime(2026, 8, 3, 10, tzinfo=UTC)


def peer(number: int, name: str, version: int = 1) -> Peer:
    return Peer(number, name, version, parse({"match": {"entity": name}}), NOW)


class Catalogue:
    """A catalogue that counts what is read of it."""

    def __init__(self, *peers: Peer) -> None:
        self.peers: Iterable[Peer] = peers
        self.read: list[int] = []

    def since(self, peers: Peers) -> Change:
        gone, come = difference(peers, newest(self.peers))
        self.read += [each.playbook_id for each in come]
        return gone, come


def test_what_stays_is_read_once():
    kept, catalogue = KeptPeers(), Catalogue(peer(1, "Ebb"), peer(2, "Flow"))
    for revision in (4, 4, 5):
        with kept.at("harbour", revision, catalogue.since) as peers:
            assert set(peers) == {1, 2}
    catalogue.peers = [peer(2, "Flow"), peer(3, "Flow", 2), peer(4, "Slack")]
    with kept.at("harbour", 6, catalogue.since) as peers:
        assert set(peers) == {3, 4}
        assert not peers.same_as(parse({"match": {"entity": "Ebb"}}))
        assert [each.version for each in peers.same_as(parse({"match": {"entity": "Flow"}}))] == [2]
    assert catalogue.read == [1, 2, 3, 4]


def test_tenants_have_peers_of_their_own_and_the_last_few_are_kept():
    kept, catalogues = KeptPeers(), {f"T{number}": Catalogue(peer(number, "Ebb")) for number in range(6)}
    for _ in range(2):
        for number, (tenant_id, catalogue) in enumerate(catalogues.items()):
            with kept.at(tenant_id, 1, catalogue.since) as peers:
                assert set(peers) == {number}
    assert [len(catalogue.read) for catalogue in catalogues.values()] == [2] * 6


def test_what_fails_to_be_read_is_read_again():
    kept, catalogue = KeptPeers(), Catalogue(peer(1, "Ebb"))

    def fail(_: Peers) -> Change:
        raise ConnectionError

    for _ in range(2):
        try:
            with kept.at("harbour", 1, fail):
                raise AssertionError("it was read")
        except ConnectionError:
            pass
    with kept.at("harbour", 1, catalogue.since) as peers:
        assert set(peers) == {1}
