"""JSON pointers (RFC 6901), which locate findings in a document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def join(pointer: str, *parts: object) -> str:
    """The pointer of a member of the value at ``pointer``: by its key or index, and on from there."""
    for part in parts:
        pointer = f"{pointer}/{str(part).replace('~', '~0').replace('/', '~1')}"
    return pointer


def split(pointer: str) -> Iterable[str]:
    """The keys and indexes of a pointer."""
    return (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def value_at(document: Any, pointer: str) -> Any:
    """The value that a pointer refers to; None if there is none."""
    for part in split(pointer):
        if isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        elif isinstance(document, dict):
            document = document.get(part)
        else:
            return None
    return document
