"""Canonical JSON (RFC 8785): one text for one document, whoever writes it. Natively, where that is the same.

The native encoder differs in how it writes fractions, and in the order of keys beyond U+FFFF, which the RFC
sorts as UTF-16; documents with either are left to the library of the RFC, and so is whatever is not plain JSON.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
import rfc8785

from sentinai.plain import is_plain

_AS_THE_RFC = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_BEYOND_FFFF = re.compile(rb"[\xf0-\xf4]")
_EXACT = 2**53


def canonical(document: Any) -> bytes:
    """The document in canonical JSON; integers beyond a double's precision, which the RFC leaves out, as text.

    Raises:
        ValueError: it is no JSON: NaN, half a surrogate pair, a key that is no string.
    """
    if is_plain(document):
        try:
            written = orjson.dumps(document, option=_AS_THE_RFC)
        except orjson.JSONEncodeError:
            return _by_the_library(document)
        if written.isascii() or not _BEYOND_FFFF.search(written):
            return written
    return _by_the_library(document)


def _by_the_library(document: Any) -> bytes:
    try:
        return rfc8785.dumps(document)
    except rfc8785.IntegerDomainError:
        return rfc8785.dumps(["tagged", _tagged(document)])


def _tagged(value: Any) -> Any:
    """The value with strings and large integers told apart by a first letter: none can pass for another."""
    if isinstance(value, dict):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, str):
        return f"s{value}"
    if isinstance(value, int) and abs(value) >= _EXACT:
        return f"i{value}"
    return value
