"""The hash chain over the events of an exception or of a catalogue: computing it, and finding tampering.

An event's hash is SHA-256 over the previous hash, in hexadecimal, followed by the event in canonical JSON
(RFC 8785) with the tenant and the exception, if any, that it belongs to. Integers beyond a double's precision,
which that RFC does not cover, are written as text with all their digits.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import rfc8785

from executor.domain.documents import event_document
from executor.domain.model import Event
from sentinai.documents.strict_json import is_codec_safe

_RFC_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_BEYOND_FFFF = re.compile(rb"[\xf0-\xf4]")
_EXACT = 2**53
GENESIS = "0" * 64
"""The previous hash of the first event."""


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """The result of checking a log; ``first_broken_seq`` is the first entry that is not as it was written."""

    valid: bool
    events: int
    first_broken_seq: int | None


def seal(event: Event, tenant_id: str, exception_id: str | None) -> Event:
    """The event with its hash; ``prev_hash`` must be set."""
    return replace(event, hash=hash_event(event, tenant_id, exception_id))


def hash_event(event: Event, tenant_id: str, exception_id: str | None) -> str:
    """The hash of an event, in hexadecimal."""
    content = event_document(event, tenant_id, exception_id)
    del content["prev_hash"], content["hash"]
    return hashlib.sha256(event.prev_hash.encode() + canonical(content)).hexdigest()


def _hash_if_any(event: Event, tenant_id: str, exception_id: str | None) -> str | None:
    """As ``hash_event``; None for an event that this product cannot have written, such as ``NaN`` in a payload."""
    try:
        return hash_event(event, tenant_id, exception_id)
    except (ValueError, TypeError, AttributeError):
        return None


def verify(
    events: Sequence[Event], tenant_id: str, exception_id: str | None, *, expected_seq: int, expected_hash: str
) -> ChainCheck:
    """Check a complete log, in order, against the end that is stored with the exception or the tenant.

    A changed or inserted event breaks the chain at its own ``seq``, a deleted one where it is missing. A log whose
    hashes were all recomputed is consistent in itself, but does not have the stored end.
    """
    last = GENESIS
    for position, event in enumerate(events, 1):
        in_place = event.seq == position and event.prev_hash == last
        if not in_place or event.hash != _hash_if_any(event, tenant_id, exception_id):
            return ChainCheck(False, len(events), position)
        last = event.hash
    if len(events) != expected_seq:
        return ChainCheck(False, len(events), min(len(events), expected_seq) + 1)
    if last != expected_hash:
        return ChainCheck(False, len(events), max(expected_seq, 1))
    return ChainCheck(True, len(events), None)


def digest(document: Any) -> str:
    """SHA-256 over the document in canonical JSON, in hexadecimal.

    Raises:
        ValueError: as for ``canonical``.
    """
    return hashlib.sha256(canonical(document)).hexdigest()


def canonical(document: Any) -> bytes:
    """The document in canonical JSON; integers beyond a double's precision, which the RFC does not cover, as text.

    It is written natively where the native encoder agrees with the RFC: it does not for fractions, nor for the
    order of keys beyond U+FFFF, which the RFC sorts as UTF-16.

    Raises:
        ValueError: it is not JSON: NaN, a lone surrogate, a key that is not a string.
    """
    if is_codec_safe(document):
        try:
            encoded = orjson.dumps(document, option=_RFC_OPTIONS)
        except orjson.JSONEncodeError:
            return _canonical_by_rfc8785(document)
        if encoded.isascii() or not _BEYOND_FFFF.search(encoded):
            return encoded
    return _canonical_by_rfc8785(document)


def _canonical_by_rfc8785(document: Any) -> bytes:
    try:
        return rfc8785.dumps(document)
    except rfc8785.IntegerDomainError:
        return rfc8785.dumps(["tagged", _tagged(document)])


def _tagged(value: Any) -> Any:
    """The value with strings and large integers marked by a first letter, so that the two never coincide."""
    if isinstance(value, dict):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, str):
        return f"s{value}"
    if isinstance(value, int) and abs(value) >= _EXACT:
        return f"i{value}"
    return value
