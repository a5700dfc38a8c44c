"""A tenant's packs and playbooks as documents, from the database or from files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The documents of a catalogue: Domain Packs by domain, playbooks by name.

    ``published`` says by name since when playbooks have their conditions, by the schema of that name.
    """

    policy_pack: Document | None = None
    domain_packs: Mapping[str, Document] = field(default_factory=dict)
    playbooks: Mapping[str, Document] = field(default_factory=dict)
    published: Document = field(default_factory=dict)


def file_text(document: Document) -> str:
    """The text of a document's file; equal documents have equal texts."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
