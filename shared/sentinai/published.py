"""``published.json`` of an exported folder: since when each playbook has its conditions.

With it, the files rank among each other as the tenant's playbooks do. It is written by machines and says of which
conditions it speaks, so that it does not date what was edited since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sentinai.clock import format_time, parse_time
from sentinai.conditions import normalise
from sentinai.conditions.lint.other_playbooks import Origin
from sentinai.problems import InvalidDocument

FILE_NAME = "published.json"
"""Its name; it is next to the folder of the playbooks."""
SCHEMA = "published"


def entry(conditions: Any, origin: Origin) -> dict[str, Any] | None:
    """What the file says of a playbook; None if its conditions are not valid, so that it does not rank."""
    digest = _digest(conditions)
    if digest is None:
        return None
    return {"created_at": format_time(origin.created_at), "playbook_id": origin.playbook_id, "conditions": digest}


def origin_in(published: Mapping[str, Any], name: str, conditions: Any) -> Origin | None:
    """The origin of a playbook by the file; None if it has none for these conditions."""
    found = published.get(name)
    if found is None or found["conditions"] != _digest(conditions):
        return None
    return Origin(parse_time(found["created_at"]), int(found["playbook_id"]))


def _digest(conditions: Any) -> str | None:
    """Equal for conditions with the same normal form."""
    try:
        text = json.dumps(normalise(conditions), sort_keys=True)
    except InvalidDocument:
        return None
    return hashlib.sha256(text.encode()).hexdigest()[:16]
