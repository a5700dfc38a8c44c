"""Sample exceptions to try a draft on: one for each exception type of a Domain Pack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

from sentinai import packs
from sentinai.clock import format_time
from sentinai.conditions.language.vocabulary import CONTEXT_PATH

Pack = Mapping[str, Any]
Values = Mapping[str, Sequence[Any]]
_URGENCIES = (("high", 45), ("medium", 240), ("critical", 20), ("low", 1440), ("high", -30))
"""Severity, and minutes until the deadline."""
_CHOICE = re.compile(r"([\w ()]+?)(?:, [\w ()]+)* or [\w ()]+")
_REMARK = re.compile(r"\s*\([^)]*\)")
_STANDARDS = {
    "ISO 4217": "EUR",
    "ISO 6166": "DE0001102580",
    "ISO 9362": "COBADEFF",
    "ISO 17442": "529900HNOAA1KXQJUQ27",
    "ISO 8601": "2026-12-01",
}
"""Sample values by the standard that an attribute's description names."""
_BY_TYPE: Mapping[str, Any] = {
    "number": 10,
    "integer": 10,
    "boolean": True,
    "array": [],
    "object": {},
    "date-time": "2026-12-01T12:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a normalised context, as a Domain Pack describes it."""

    name: str
    type: str
    description: str

    @property
    def path(self) -> str:
        """The path by which a rule reads it."""
        return CONTEXT_PATH + self.name

    @property
    def about(self) -> str:
        """Its type and description, for the editor."""
        return ": ".join(part for part in (self.type, self.description) if part)


def context_attributes(pack: Pack, exception_type: str) -> list[Attribute]:
    """The attributes of an exception type's normalised context, by its Domain Pack."""
    types = pack.get("exception_types")
    about = types.get(exception_type) if isinstance(types, Mapping) else None
    described = (about or {}).get("context") or {}
    return [
        Attribute(name, str(each.get("format") or each.get("type", "")), str(each.get("description", "")))
        for name, each in described.items()
    ]


def samples(domains: Mapping[str, Pack], used: Values, now: datetime) -> list[dict[str, Any]]:
    """Samples as ``{name, exception}``; a plain one if no Domain Pack lists a type.

    ``used`` are the values that the playbooks compare with, by path: samples use them, so that playbooks match.
    """
    kinds = [(domain, pack, name) for domain, pack in domains.items() for name in packs.exception_types(pack)]
    urgencies = cycle(_URGENCIES)
    found = []
    for number, (domain, pack, kind) in enumerate(kinds or [("Finance", {}, "Trade Settlement Failure")], 1):
        severity, minutes = next(urgencies)
        context = {each.name: _value(each, used) for each in context_attributes(pack, kind)}
        exception = {
            "exception_id": f"SAMPLE-{number}",
            "domain": domain,
            "exception_type": kind,
            "severity": severity,
            "status": "open",
            "entity": _first(used, "exception.entity", "Example Ltd"),
            "amount": _first(used, "exception.amount", 250000),
            "sla_deadline": format_time((now + timedelta(minutes=minutes)).replace(second=0, microsecond=0)),
            "normalized_context": context,
        }
        found.append({"name": f"{kind}: {severity}, {_due(minutes)}", "exception": exception})
    return found


def _due(minutes: int) -> str:
    if minutes < 0:
        return f"{-minutes} min overdue"
    return f"due in {minutes} min" if minutes < 120 else f"due in {minutes // 60} h"


def _value(attribute: Attribute, used: Values) -> Any:
    """A plausible value: one that a playbook compares with, else by the description, else by the type."""
    known = _first(used, attribute.path, None)
    if known is not None:
        return known
    if attribute.type in _BY_TYPE:
        return _BY_TYPE[attribute.type]
    standard = next((value for name, value in _STANDARDS.items() if name in attribute.description), None)
    if standard:
        return standard
    choice = _CHOICE.match(attribute.description)
    if choice:
        return _REMARK.sub("", choice[1]).strip()
    return f"{attribute.name.replace('_', '-').upper()}-1"


def _first(used: Values, path: str, otherwise: Any) -> Any:
    return next(iter(used.get(path, ())), otherwise)
