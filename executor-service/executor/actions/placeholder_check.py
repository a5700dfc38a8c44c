"""Warnings about placeholders whose path never has a value, as far as the packs say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from executor.domain.model import Packs
from sentinai import packs as of_packs
from sentinai.documents.suggestions import did_you_mean, nearest, some_of
from sentinai.exception_fields import EXCEPTION_FIELDS
from sentinai.problems import Finding
from sentinai.templates import render

_MEMBERS: Mapping[str, Collection[str]] = {
    "exception": [field.name for field in EXCEPTION_FIELDS],
    "sla": ("minutes_remaining", "breached"),
    "step": ("name", "order", "action_type"),
    "actor": ("id", "type"),
}


def unknown_paths(document: Any, packs: Packs) -> Iterator[Finding]:
    """A warning for each placeholder whose path has no value in any exception, nor in the packs as they are.

    There is none where that is uncertain: without a pack, and for the context unless every exception type of the
    Domain Pack describes its own.
    """
    for path in dict.fromkeys(each.path for each in render.placeholders_in(document)):
        root, *rest = path.split(".")
        known = _known(root, rest, packs)
        if known is not None:
            suggestion = nearest(rest[-1], known)
            hint = did_you_mean(suggestion, f"Known there: {some_of(sorted(known))}.")
            message = f"{{{path}}} is not a known path; it will always be empty."
            yield Finding("", "unknown_path", message, hint, suggestion)


def _known(root: str, rest: Sequence[str], packs: Packs) -> Collection[str] | None:
    """The known names where the path leaves what is known; None if it does not, or if that is uncertain."""
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
