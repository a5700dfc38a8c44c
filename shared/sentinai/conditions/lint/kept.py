"""The playbooks that conditions are held against, filed once, and brought up to date with the catalogue."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from sentinai.conditions.lint.other_playbooks import OtherPlaybooks, PublishedRule, V

_TENANTS = 4
"""For how many tenants they are kept: authors are few, and those who write at one time fewer."""

Change = tuple[Iterable[int], Iterable[PublishedRule]]
"""The ids of those that are gone, and those that came."""


class OtherPlaybooksCache:
    """The peers of the tenants whose authors asked last; safe to share between threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: OrderedDict[str, tuple[int | None, OtherPlaybooks]] = OrderedDict()

    @contextmanager
    def at(
        self, tenant_id: str, revision: int | None, since: Callable[[OtherPlaybooks], Change]
    ) -> Iterator[OtherPlaybooks]:
        """The peers in a tenant's catalogue at a revision; ``since`` tells how it differs from those it is given.

        Authors wait for one another, so that nothing is filed twice, or changed while it is read.
        """
        with self._guard:
            before, other_playbooks = self._kept.pop(tenant_id, (None, OtherPlaybooks()))
            if before is None or before != revision:
                gone, come = since(other_playbooks)
                other_playbooks.update(gone, come)
            self._kept[tenant_id] = (revision, other_playbooks)
            while len(self._kept) > _TENANTS:
                self._kept.popitem(last=False)
            yield other_playbooks


def difference(other_playbooks: OtherPlaybooks, candidates: dict[int, V]) -> tuple[list[int], list[V]]:
    """The ids that are no candidates any more, and the candidates that are no peers yet."""
    gone = [playbook_id for playbook_id in other_playbooks if playbook_id not in candidates]
    return gone, [each for each in candidates.values() if each.playbook_id not in other_playbooks]
