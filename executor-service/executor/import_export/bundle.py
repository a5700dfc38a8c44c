"""A tenant's packs and playbooks as documents, whether they come from the database or from files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from executor.domain.model import Playbook

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is exchanged. Domain Packs are by domain, playbooks by name, as their authors write them."""

    policy_pack: Document | None = None
    domain_packs: Mapping[str, Document] = field(default_factory=dict)
    playbooks: Mapping[str, Document] = field(default_factory=dict)


def playbook_as_written(playbook: Playbook) -> dict[str, Any]:
    """A stored version as a ``playbook-publish`` document; what is left to its default is left out."""
    steps = [
        {
            "name": step.name,
            "action_type": step.action_type,
            "params": step.params,
            **({"requires_approval": True} if step.requires_approval else {}),
        }
        for step in playbook.steps
    ]
    given = {"name": playbook.name, "description": playbook.description, "conditions": playbook.conditions}
    document = {**given, "steps": steps, "on_completion": playbook.on_completion}
    return {key: value for key, value in document.items() if value is not None}


def text_of(document: Document) -> str:
    """A document as it stands in a file: the same for the same content."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
