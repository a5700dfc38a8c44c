"""The demo tenants as in their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from executor.domain.model import Packs
from matcher.authoring.expectations import exception_at
from matcher.authoring.files import read_document
from matcher.authoring.validate import playbook_files
from matcher.matching import Playbook
from sentinai.documents import strict_json

FOLDER = Path(__file__).parents[3] / "deploy" / "demo"
TENANTS = ("finance", "healthcare")
AS_OF = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Demo:
    """One tenant: ``playbooks`` are documents by file name, ``entries`` the exceptions with the work on them."""

    folder: Path
    tenant: Mapping[str, Any]
    packs: Packs
    playbooks: Mapping[str, Mapping[str, Any]]
    entries: Sequence[Mapping[str, Any]]

    @property
    def exceptions(self) -> list[dict[str, Any]]:
        """The exceptions as they would be created at ``AS_OF``."""
        return [exception_at(entry["exception"], AS_OF) for entry in self.entries]

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        """Every step of every playbook."""
        return [step for playbook in self.playbooks.values() for step in playbook["steps"]]

    def catalogue(self) -> list[Playbook]:
        """The playbooks as matching sees them."""
        documents = [read_document(self.folder / "playbooks" / name) for name in self.playbooks]
        return [each.playbook for each in playbook_files(documents)]


@cache
def demo(tenant_id: str) -> Demo:
    """Read a tenant's folder."""
    folder = FOLDER / tenant_id
    return Demo(
        folder=folder,
        tenant=read(folder / "tenant.json"),
        packs=Packs(domain=read(folder / "domain-pack.json"), policy=read(folder / "policy-pack.json")),
        playbooks={path.name: read(path) for path in sorted((folder / "playbooks").glob("*.json"))},
        entries=read(folder / "exceptions.json"),
    )


def read(path: Path) -> Any:
    """A JSON file, read as strictly as the services read."""
    return strict_json.loads(path.read_bytes())


def operators(rule: Any) -> Iterator[str]:
    """The operators in a JSON-Logic rule."""
    if isinstance(rule, list):
        for item in rule:
            yield from operators(item)
    elif isinstance(rule, dict):
        for operator, values in rule.items():
            yield operator
            yield from operators(values)
