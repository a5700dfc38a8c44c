"""The matcher's last answer, as it is kept beside an exception: a cache, and no part of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentinai.documents.schemas import is_valid

Entry = Mapping[str, Any]
"""A ranked playbook of the matcher's answer, by the schema ``match-response``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What the matcher answered; empty as long as it was not asked.

    ``current`` is the entry with which the assigned playbook was chosen, with that answer's ``reasoning`` and
    ``as_of``; ``choice`` is the entry of the playbook that the last answer selects, with its ``reasoning``.
    ``passed_over`` are the better ranked ones that policy blocks; ``matched`` of ``candidates`` playbooks match.
    ``deferred`` says that the matcher could not be asked, and the worker will.
    """

    current: Entry | None = None
    choice: Entry | None = None
    ranked: Sequence[Entry] = ()
    passed_over: Sequence[Entry] = ()
    near_misses: Sequence[Entry] = ()
    candidates: int | None = None
    matched: int | None = None
    reasoning: str | None = None
    policy_tags: Sequence[str] = ()
    as_of: str | None = None
    catalogue_revision: int | None = None
    domain_pack_version: int | None = None
    policy_pack_version: int | None = None
    deferred: bool = False

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Recommendation:
        """A stored recommendation; 0.7.0 called ``current`` ``standing``.

        Raises:
            ValueError: it is not one.
        """
        if not is_valid("recommendation", stored):
            raise ValueError("not a recommendation")
        known = {name: stored[name] for name in cls.__slots__ if name in stored}
        return cls(**{"current": stored.get("standing"), **known})

    def to_json(self) -> dict[str, Any]:
        """The recommendation as it is stored."""
        return {name: getattr(self, name) for name in self.__slots__}
