"""A tenant's folder: packs, ``playbooks/*.json``, and ``published.json``, which says how these rank.

The packs are ``policy-pack.json``, ``domain-pack.json`` and ``domain-packs/*.json``.
``executor seed``, ``matcher validate`` and ``matcher test`` read the same layout.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from executor.import_export.bundle import Bundle, Document, file_text
from sentinai.documents import strict_json
from sentinai.documents.schemas import check
from sentinai.problems import Finding, MalformedJson
from sentinai.published import FILE_NAME as PUBLISHED
from sentinai.published import SCHEMA

POLICY_PACK, DOMAIN_PACK = "policy-pack.json", "domain-pack.json"
DOMAIN_PACKS, PLAYBOOKS = "domain-packs", "playbooks"
_MAX_STEM = 80


class InvalidFolder(Exception):
    """Files of a folder are not valid. ``findings`` has those of each file, by path."""

    def __init__(self, findings: Mapping[Path, Sequence[Finding]]) -> None:
        super().__init__(f"{len(findings)} files are not valid")
        self.findings = findings


@dataclass(frozen=True, slots=True)
class FolderContent:
    """The documents of a folder, and the file of each, by (kind, name)."""

    bundle: Bundle
    sources: Mapping[tuple[str, str], Path]


def read(folder: Path) -> FolderContent:
    """Read a tenant's folder. The documents are not validated.

    Raises:
        InvalidFolder: a file is not a JSON object, or has no name or that of another file; or the folder is empty.
    """
    reader = _Reader(folder)
    policy_pack = reader.read(folder / POLICY_PACK) if (folder / POLICY_PACK).exists() else None
    own = [folder / DOMAIN_PACK] if (folder / DOMAIN_PACK).exists() else []
    domain_packs = reader.read_named("domain pack", [*own, *_json_files(folder / DOMAIN_PACKS)], "domain_name")
    playbooks = reader.read_named("playbook", _json_files(folder / PLAYBOOKS), "name")
    published = reader.read_published(folder / PUBLISHED) if (folder / PUBLISHED).exists() else {}
    if policy_pack is None and not domain_packs and not playbooks:
        # Probably the wrong folder; with --retire-missing it would retire the whole catalogue.
        message = f"The folder has no {POLICY_PACK}, {DOMAIN_PACK} or {PLAYBOOKS}/*.json."
        reader.add_finding(folder, "empty", message)
    if reader.findings:
        raise InvalidFolder(reader.findings)
    return FolderContent(Bundle(policy_pack, domain_packs, playbooks, published), reader.sources)


class _Reader:
    """Reads files and collects their findings."""

    def __init__(self, folder: Path) -> None:
        self.findings: dict[Path, list[Finding]] = {}
        self.sources: dict[tuple[str, str], Path] = {("policy pack", ""): folder / POLICY_PACK}

    def read(self, path: Path) -> Document | None:
        """The JSON object in a file; None, with a finding, if there is none."""
        try:
            document = strict_json.loads(path.read_bytes())
        except MalformedJson as problem:
            self.add_finding(path, "malformed_json", problem.detail)
            return None
        except OSError as error:
            self.add_finding(path, "unreadable", f"The file cannot be read: {error.strerror}.")
            return None
        if isinstance(document, dict):
            return document
        self.add_finding(path, "wrong_type", "The file must contain a JSON object.")
        return None

    def read_published(self, path: Path) -> Document:
        """What a folder says of the publication of its playbooks."""
        document = self.read(path)
        wrong = [] if document is None else check(SCHEMA, document)
        if wrong:
            self.findings[path] = wrong
        return document or {}

    def read_named(self, kind: str, paths: Iterable[Path], key: str) -> dict[str, Document]:
        """The JSON objects in files, by their value of ``key``."""
        found: dict[str, Document] = {}
        for path in paths:
            document = self.read(path)
            if document is None:
                continue
            name = document.get(key)
            if not isinstance(name, str) or not name:
                self.add_finding(path, "required", f"{key!r} is required and must be a string.", f"/{key}")
            elif name in found:
                other = self.sources[kind, name].name
                self.add_finding(path, "duplicate_name", f"{other} has the same {key}, {name!r}.", f"/{key}")
            else:
                found[name], self.sources[kind, name] = document, path
        return found

    def add_finding(self, path: Path, code: str, message: str, pointer: str = "") -> None:
        """Add a finding about a file."""
        self.findings.setdefault(path, []).append(Finding(pointer, code, message))


def files_of(bundle: Bundle) -> dict[str, str]:
    """The text of each file of a bundle, by its POSIX path in the folder."""
    files: dict[str, str] = {}
    if bundle.policy_pack is not None:
        files[POLICY_PACK] = file_text(bundle.policy_pack)
    own = str((bundle.policy_pack or {}).get("domain_name"))
    if own in bundle.domain_packs:
        files[DOMAIN_PACK] = file_text(bundle.domain_packs[own])
    for name, stem in _stems(name for name in bundle.domain_packs if name != own):
        files[f"{DOMAIN_PACKS}/{stem}.json"] = file_text(bundle.domain_packs[name])
    for name, stem in _stems(bundle.playbooks):
        files[f"{PLAYBOOKS}/{stem}.json"] = file_text(bundle.playbooks[name])
    if bundle.published:
        files[PUBLISHED] = file_text(bundle.published)
    return files


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files to a folder. A file that has the same text already is not touched.

    Raises:
        OSError: a file cannot be written.
    """
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != text.encode():
            path.write_text(text, "utf-8")


def obsolete_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """The files of packs and playbooks in a folder that are not among ``files``."""
    found = [folder / POLICY_PACK, folder / DOMAIN_PACK, folder / PUBLISHED, *_json_files(folder / DOMAIN_PACKS)]
    found += _json_files(folder / PLAYBOOKS)
    return [path for path in found if path.exists() and path.relative_to(folder).as_posix() not in files]


def _json_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def _stems(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """File name stems for names: portable, and distinct on file systems that ignore case.

    Names with the same slug get a part of their hash as a suffix. Names with other slugs do not affect a stem.
    """
    slugs = {name: _slug(name) for name in sorted(names)}
    counts = Counter(slugs.values())
    for name, slug in slugs.items():
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        yield name, slug if counts[slug] == 1 and slug else f"{slug}-{digest}".strip("-")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_MAX_STEM].strip("-")
