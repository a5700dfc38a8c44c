"""The folder of a tenant: ``policy-pack.json``, ``domain-pack.json`` or ``domain-packs/``, and ``playbooks/``.

It is the layout that ``executor seed``, ``matcher validate`` and ``matcher test`` read.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from executor.import_export.bundle import Bundle, text_of
from sentinai.documents import strict_json
from sentinai.problems import Finding, MalformedJson

POLICY_PACK, DOMAIN_PACK = "policy-pack.json", "domain-pack.json"
DOMAIN_PACKS, PLAYBOOKS = "domain-packs", "playbooks"
_LONGEST_NAME = 80


class UnreadableFolder(Exception):
    """Files that are not what they should be; ``findings`` has those of each file, by its path."""

    def __init__(self, findings: Mapping[Path, Sequence[Finding]]) -> None:
        super().__init__(f"{len(findings)} files are not valid")
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Read:
    """What a folder holds, and from which file each document came: by its kind and name."""

    bundle: Bundle
    sources: Mapping[tuple[str, str], Path]


def read(folder: Path) -> Read:
    """Read a tenant's folder; whether the documents are valid is for who takes them in.

    Raises:
        UnreadableFolder: a file is not JSON, is of no object, has a name that another has; or none is there.
    """
    reading = _Reading(folder)
    policy_pack = reading.one(folder / POLICY_PACK)
    own = [folder / DOMAIN_PACK] if (folder / DOMAIN_PACK).exists() else []
    domain_packs = reading.named("domain pack", [*own, *_json_in(folder / DOMAIN_PACKS)], "domain_name")
    playbooks = reading.named("playbook", _json_in(folder / PLAYBOOKS), "name")
    if policy_pack is None and not domain_packs and not playbooks:
        # Most likely another folder was meant; taken at its word, it would retire a whole catalogue.
        reading.wrong(folder, "empty", f"Neither {POLICY_PACK} nor {DOMAIN_PACK} nor {PLAYBOOKS}/*.json is there.")
    if reading.findings:
        raise UnreadableFolder(reading.findings)
    return Read(Bundle(policy_pack, domain_packs, playbooks), reading.sources)


class _Reading:
    def __init__(self, folder: Path) -> None:
        self.findings: dict[Path, list[Finding]] = {}
        self.sources: dict[tuple[str, str], Path] = {("policy pack", ""): folder / POLICY_PACK}

    def one(self, path: Path) -> Any:
        if not path.exists():
            return None
        try:
            document = strict_json.loads(path.read_bytes())
        except MalformedJson as problem:
            self.wrong(path, "malformed_json", problem.detail)
            return None
        except OSError as error:
            self.wrong(path, "unreadable", f"It cannot be read: {error.strerror}.")
            return None
        if not isinstance(document, dict):
            self.wrong(path, "wrong_type", "The file must hold one JSON object.")
            return None
        return document

    def named(self, kind: str, paths: Iterable[Path], key: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path in paths:
            document = self.one(path)
            if document is None:
                continue
            name = document.get(key)
            if not isinstance(name, str) or not name:
                self.wrong(path, "required", f"{key!r} is required, and is a text.", f"/{key}")
            elif name in found:
                self.wrong(path, "duplicate", f"{self.sources[kind, name].name} has this {key} too.", f"/{key}")
            else:
                found[name], self.sources[kind, name] = document, path
        return found

    def wrong(self, path: Path, code: str, message: str, pointer: str = "") -> None:
        """Keep what is wrong with a file."""
        self.findings.setdefault(path, []).append(Finding(pointer, code, message))


def files_of(bundle: Bundle) -> dict[str, str]:
    """The files of a bundle: their paths below the folder, with ``/``, and their texts."""
    files: dict[str, str] = {}
    if bundle.policy_pack is not None:
        files[POLICY_PACK] = text_of(bundle.policy_pack)
    own = str((bundle.policy_pack or {}).get("domain_name"))
    others = [name for name in bundle.domain_packs if name != own]
    if own in bundle.domain_packs:
        files[DOMAIN_PACK] = text_of(bundle.domain_packs[own])
    for name, stem in _stems(others):
        files[f"{DOMAIN_PACKS}/{stem}.json"] = text_of(bundle.domain_packs[name])
    for name, stem in _stems(bundle.playbooks):
        files[f"{PLAYBOOKS}/{stem}.json"] = text_of(bundle.playbooks[name])
    return files


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder; one whose text stands already is not touched.

    Raises:
        OSError: one cannot be written.
    """
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != text.encode():
            path.write_text(text, "utf-8")


def left_over(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Files of packs and playbooks in a folder that none of ``files`` stands for."""
    standing = [folder / POLICY_PACK, folder / DOMAIN_PACK, *_json_in(folder / DOMAIN_PACKS)]
    standing += _json_in(folder / PLAYBOOKS)
    return [path for path in standing if path.exists() and path.relative_to(folder).as_posix() not in files]


def _json_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def _stems(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names as file names: safe everywhere, and apart even where case does not count.

    Names that come out the same are told apart by a few digits of their hash, so that no file's name hangs on
    which others there are besides those.
    """
    plain = {name: _plain(name) for name in sorted(names)}
    times = Counter(plain.values())
    for name, stem in plain.items():
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        yield name, stem if times[stem] == 1 and stem else f"{stem}-{digest}".strip("-")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_NAME].strip("-")
