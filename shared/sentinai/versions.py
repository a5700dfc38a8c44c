"""The newest version of each playbook name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Version(Protocol):
    """Anything that is one version of a named playbook."""

    @property
    def name(self) -> str:
        """The name that all versions of the playbook share."""

    @property
    def version(self) -> int:
        """Its number; higher is newer."""


V = TypeVar("V", bound=Version)


def newest(versions: Iterable[V]) -> dict[str, V]:
    """The newest version of each name, by name."""
    found: dict[str, V] = {}
    for each in versions:
        if each.name not in found or found[each.name].version < each.version:
            found[each.name] = each
    return found
