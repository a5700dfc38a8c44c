"""JSON as this API accepts it: strict, bounded, and with every number's value kept.

Stricter than Python's parser where two parsers might read one document differently (duplicate keys, NaN,
unpaired surrogates), or where a database could not store it (NUL, numbers beyond a double).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from sentinai.problems import MalformedJson

MAX_DEPTH = 72
"""An inline rule of the greatest depth, two levels for each of its operators, and what is around it."""
_MOST_DIGITS = 308
_PYTHON_DIGITS = 4000
_DIGITS_SHOWN = 40
_BEYOND_DOUBLE = 2**1024
_CODEC_SAFE = frozenset({str, int, bool, type(None)})
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def loads(body: bytes) -> Any:
    """Parse a request body or a document file.

    Raises:
        MalformedJson: the body is not UTF-8 or not JSON, is nested deeper than 72, or has a duplicate key, NaN or
            Infinity, a number beyond the range of a double, a NUL, or an unpaired surrogate.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = len(body[: error.start].decode("utf-8"))
        detail = f"The document is not valid UTF-8: unexpected byte at position {error.start}."
        raise MalformedJson(detail, kind="encoding", offset=before) from error
    if is_deeper(text, MAX_DEPTH):
        raise _too_deep()
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        detail = f"{error.msg} at line {error.lineno}, column {error.colno}."
        raise MalformedJson(detail, offset=error.pos) from error
    except RecursionError as error:
        raise _too_deep() from error
    if "\\u" in text:
        _check_strings(document)
    return document


def is_deeper(text: str, most: int) -> bool:
    """Whether JSON text is nested deeper than ``most`` levels."""
    if text.count("[") + text.count("{") <= most:
        return False
    depth = 0
    for character in _STRINGS.sub("", text):
        if character in "[{":
            depth += 1
            if depth > most:
                return True
        elif character in "]}":
            depth -= 1
    return False


def dumps(document: Any) -> str:
    """Compact JSON for the wire."""
    return _ENCODER.encode(document)


def encode(document: Any) -> bytes:
    """Compact JSON as UTF-8 bytes; by a native encoder, unless an integer exceeds 64 bits."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return dumps(document).encode()


def same(one: Any, other: Any) -> bool:
    """Whether two documents are equal as JSON: 1 and 1.0 are; true and 1, which are equal in Python, are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def dumps_stored(document: Any) -> str:
    """JSON text for storage."""
    return encode(document).decode()


def loads_stored(text: str | bytes) -> Any:
    """Parse a document that was validated before it was stored; by a native parser if that is lossless.

    The native parser turns integers beyond 64 bits into floats; a result without floats is therefore exact. It
    refuses what this product never stores: NaN, lone surrogates, numbers beyond a double.

    Raises:
        ValueError: it is not JSON, or deeper than anything that is stored.
    """
    document = orjson.loads(text)
    try:
        return document if is_codec_safe(document) else json.loads(text)
    except RecursionError as error:
        raise ValueError("the document is nested too deep") from error


def is_codec_safe(value: Any) -> bool:
    """Whether a native JSON codec and Python's agree on a value: strings, integers, booleans and null only."""
    kind = type(value)
    if kind in _CODEC_SAFE:
        return True
    if kind is dict:
        items = value.values()
    elif kind is list:
        items = value
    else:
        return False
    for item in items:  # noqa: SIM110 - ``all`` with a generator takes twice as long
        if type(item) not in _CODEC_SAFE and not is_codec_safe(item):
            return False
    return True


def _too_deep() -> MalformedJson:
    return MalformedJson(f"The document is nested deeper than {MAX_DEPTH} levels.", kind="depth")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        detail = f"Duplicate key {repeated!r} in an object; keep only one."
        raise MalformedJson(detail, kind="duplicate_key", token=repeated)
    return found


def _no_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not valid JSON; omit the value or use null.", kind="literal", token=name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _out_of_range(text)
    return number


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS and abs(int(text[:_PYTHON_DIGITS])) >= _BEYOND_DOUBLE:
        raise _out_of_range(text)
    return int(text)


def _out_of_range(text: str) -> MalformedJson:
    shown = text if len(text) <= _DIGITS_SHOWN else f"{text[:_DIGITS_SHOWN]}…"
    return MalformedJson(f"The number {shown} is beyond the range of a double.", kind="literal", token=text)


def _check_strings(document: Any) -> None:
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, str):
            _check_string(value)


def _check_string(text: str) -> None:
    if "\0" in text:
        raise MalformedJson("A string contains a NUL character, which cannot be stored; remove it.", kind="string")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        detail = "A string contains an unpaired surrogate, which is not a character; remove it."
        raise MalformedJson(detail, kind="string") from error


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
