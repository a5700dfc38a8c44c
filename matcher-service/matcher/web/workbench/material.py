"""Data for the workbench's editors: completion from the tenant's packs and playbooks, samples, and examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from matcher.matching import Playbook
from matcher.web.workbench.completion import completion
from matcher.web.workbench.samples import Attribute, context_attributes, samples
from sentinai import packs
from sentinai.conditions.language.clause_shapes import shape_of, shown_values
from sentinai.exception_fields import SEVERITIES, STATUSES

Pack = Mapping[str, Any]
Values = Mapping[str, Sequence[Any]]
_MAX_PLAYBOOKS = 500
_MAX_VALUES = 20


def material(
    *, domain_packs: Mapping[str, Pack], policy_pack: Pack, playbooks: Iterable[Playbook], now: datetime
) -> dict[str, Any]:
    """The data for completion, samples, examples and the list of playbooks, as JSON values.

    Domain Packs are shared by tenants, so only the one that the Policy Pack names is used, if it exists. In a
    large catalogue only the 500 best ranked playbooks are read.
    """
    own_domain = str(policy_pack.get("domain_name", ""))
    domains = {own_domain: domain_packs[own_domain]} if own_domain in domain_packs else domain_packs
    best = list(islice(sorted(playbooks, key=lambda each: each.rank, reverse=True), _MAX_PLAYBOOKS))
    used = _used_values(best)
    return {
        "completion": completion(
            _unique(domains.values()), {**_texts(used), **_pack_values(domains, policy_pack)}
        ),
        "samples": samples(domains, used, now),
        "examples": _examples(domains, policy_pack),
        "playbooks": [playbook.to_json() for playbook in best],
    }


def _used_values(playbooks: Iterable[Playbook]) -> Values:
    """By path, the values that the playbooks compare with: likely values of real exceptions."""
    found: dict[str, list[Any]] = {}
    for playbook in playbooks:
        for clause in playbook.conditions.clauses:
            shape = shape_of(clause.logic)
            if shape is None or shape.negated:
                continue
            values = found.setdefault(shape.path, [])
            values += [value for value in shown_values(shape) if value is not None and value not in values]
            del values[_MAX_VALUES:]
    return found


def _texts(used: Values) -> dict[str, list[str]]:
    texts = {path: sorted(value for value in values if isinstance(value, str)) for path, values in used.items()}
    return {path: values for path, values in texts.items() if values}


def _pack_values(domains: Mapping[str, Pack], policy_pack: Pack) -> dict[str, list[str]]:
    tags = [*policy_pack.get("tags", ()), *(rule["tag"] for rule in policy_pack.get("tag_rules", ()))]
    owners = [*(packs.assignable(policy_pack, "queue") or ()), *(packs.assignable(policy_pack, "user") or ())]
    types = [name for pack in domains.values() for name in packs.exception_types(pack)]
    listed = {
        "exception.domain": list(domains),
        "exception.exception_type": types,
        "exception.severity": list(SEVERITIES),
        "exception.status": list(STATUSES),
        "exception.owner": owners,
        "policy.tags": sorted(set(tags)),
    }
    return {path: list(dict.fromkeys(values)) for path, values in listed.items() if values}


def _unique(domains: Iterable[Pack]) -> list[Attribute]:
    """Each attribute of the normalised contexts once, even if several exception types have it."""
    found: dict[str, Attribute] = {}
    for pack in domains:
        for name in packs.exception_types(pack):
            for attribute in context_attributes(pack, name):
                found.setdefault(attribute.name, attribute)
    return sorted(found.values(), key=lambda attribute: attribute.name)


def _examples(domains: Mapping[str, Pack], policy_pack: Pack) -> list[dict[str, Any]]:
    """Three examples of the condition language, with the tenant's own names where it has some."""
    domain, pack = next(iter(domains.items()), ("Finance", {}))
    kind = next(iter(packs.exception_types(pack)), "Trade Settlement Failure")
    tags = _pack_values(domains, policy_pack).get("policy.tags", ["large_exposure"])
    return [
        {
            "name": "One type of exception, by severity",
            "conditions": {
                "match": {"domain": domain, "exception_type": kind, "severity_in": ["high", "critical"]},
                "priority": 50,
            },
        },
        {
            "name": "Deadline approaching",
            "conditions": {
                "match": {"domain": domain, "sla_minutes_remaining_lt": 60, "policy_tags_any": tags[:1]},
                "priority": 80,
            },
        },
        {
            "name": "A JSON-Logic rule",
            "conditions": {
                "match": {"domain": domain},
                "logic": {
                    "or": [
                        {">": [{"var": "exception.amount"}, 1000000]},
                        {"===": [{"var": "exception.severity"}, "critical"]},
                    ]
                },
                "priority": 20,
            },
        },
    ]
