"""Which paths a placeholder can find a value at, so that an author is told of those that never have one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from executor.domain.model import Packs
from sentinai import packs as of_packs
from sentinai.exception_fields import EXCEPTION_FIELDS
from sentinai.problems import Finding
from sentinai.templates import render

_MEMBERS: Mapping[str, Collection[str]] = {
    "exception": [field.name for field in EXCEPTION_FIELDS],
    "sla": ("minutes_remaining", "breached"),
    "step": ("name", "order", "action_type"),
    "actor": ("id", "type"),
}


def doubts(document: Any, packs: Packs) -> Iterator[Finding]:
    """The placeholders of a document at whose path no exception, and no pack as it stands, has a value.

    What cannot be shown is left unsaid: nothing is known of a pack that is not there, and of the context
    only where every exception type of the Domain Pack describes its own.
    """
    for path in dict.fromkeys(each.path for each in render.placeholders_in(document)):
        root, *rest = path.split(".")
        known = _known(root, rest, packs)
        if known is not None:
            near = difflib.get_close_matches(rest[-1], known, n=1)
            hint = (
                f"Did you mean {near[0]!r}?" if near else f"Known there: {', '.join(sorted(known)) or 'nothing'}."
            )
            yield Finding("", "unknown_path", f"Nothing stands at {{{path}}}: it will have no value.", hint)


def _known(root: str, rest: Sequence[str], packs: Packs) -> Collection[str] | None:
    """The names there are where the path goes astray; None when it does not, or nobody can tell."""
    if not rest:
        return None
    if root in _MEMBERS:
        return _known_member(root, rest, packs)
    if root == "domain_pack":
        return _known_in(packs.domain, rest) if packs.domain else None
    if root == "policy_pack" and rest != ["tenant_id"]:
        return _known_in(packs.policy, rest) if packs.policy else None
    return None


def _known_member(root: str, rest: Sequence[str], packs: Packs) -> Collection[str] | None:
    if rest[0] not in _MEMBERS[root]:
        return _MEMBERS[root]
    if len(rest) == 1:
        return None
    if (root, rest[0]) != ("exception", "normalized_context"):
        return ()
    named = of_packs.context_names(packs.domain)
    return None if named is None or rest[1] in named else named


def _known_in(value: Any, rest: Sequence[str]) -> Collection[str] | None:
    for segment in rest:
        if isinstance(value, list):
            return None
        if not isinstance(value, Mapping):
            return ()
        if segment not in value:
            return list(value)
        value = value[segment]
    return None
