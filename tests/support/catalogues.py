"""Generated catalogues and exceptions, for properties and for benchmarks."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from matcher.matching import Playbook
from sentinai.conditions import parse
from sentinai.conditions.lint.other_playbooks import Origin

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TYPES = [
    f"{area} {fault}"
    for area in ("Trade", "Margin", "Corporate Action", "Cash", "Collateral", "Claim", "Eligibility", "Payment")
    for fault in ("Settlement Fail", "Break", "Mismatch", "Late Confirmation", "Missing Data", "Duplicate")
]
SYSTEMS = [f"system-{number}" for number in range(40)]
ENTITIES = [f"entity-{number}" for number in range(400)]
TAGS = [f"tag-{number}" for number in range(60)]
SEVERITIES = ["low", "medium", "high", "critical"]


def playbooks(count: int, seed: int = 7) -> list[Playbook]:
    """Playbooks of believable variety; about one in twenty has a clause of no common shape."""
    chance = random.Random(seed)
    return [
        Playbook(
            playbook_id=number + 1,
            name=f"Playbook {number}",
            version=1,
            origin=Origin(START + timedelta(minutes=chance.randrange(100_000)), number + 1),
            conditions=parse(document(chance)),
        )
        for number in range(count)
    ]


def document(chance: random.Random) -> dict[str, Any]:
    """One conditions document."""
    match: dict[str, Any] = {"domain": chance.choice(["Finance", "Healthcare"])}
    kind = chance.choice(TYPES)
    match["exception_type"] = kind if chance.random() < 0.9 else f"{kind.split()[0]}*"
    if chance.random() < 0.5:
        match["severity_in"] = chance.sample(SEVERITIES, chance.choice([1, 2, 2, 3]))
    elif chance.random() < 0.3:
        match["severity_gte"] = chance.choice(SEVERITIES)
    if chance.random() < 0.4:
        match["sla_minutes_remaining_lt"] = chance.choice([15, 30, 60, 120, 240, chance.randrange(1, 1440)])
    if chance.random() < 0.3:
        match["amount_gt"] = chance.choice([1e4, 1e5, 1e6, chance.randrange(1, 10**7)])
    if chance.random() < 0.4:
        match["source_system_in"] = chance.sample(SYSTEMS, chance.randrange(1, 4))
    if chance.random() < 0.3:
        match["entity"] = chance.choice(ENTITIES)
    if chance.random() < 0.2:
        match["policy_tags_any"] = chance.sample(TAGS, 2)
    if chance.random() < 0.1:
        match["context.desk_not"] = f"desk-{chance.randrange(20)}"
    conditions: dict[str, Any] = {"match": match, "priority": chance.randrange(0, 1000)}
    if chance.random() < 0.05:
        conditions["logic"] = {
            ">": [{"*": [{"var": "exception.amount"}, chance.randrange(1, 9)]}, chance.randrange(10**6)]
        }
    return conditions


def exception(chance: random.Random) -> dict[str, Any]:
    """One exception that some of the playbooks fit."""
    return {
        "exception_id": f"EX-{chance.randrange(10**6)}",
        "domain": chance.choice(["Finance", "Healthcare"]),
        "exception_type": chance.choice(TYPES),
        "severity": chance.choice(SEVERITIES),
        "status": "open",
        "source_system": chance.choice(SYSTEMS),
        "entity": chance.choice(ENTITIES),
        "amount": chance.randrange(1, 10**7),
        "sla_deadline": (START + timedelta(minutes=chance.randrange(1, 600))).isoformat(),
        "normalized_context": {
            "desk": f"desk-{chance.randrange(20)}",
            "policy_tags": chance.sample(TAGS, 3),
        },
    }
