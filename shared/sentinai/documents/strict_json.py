"""JSON as this API accepts it: strict, bounded, and with every number's value kept.

Stricter than Python's parser where leniency would let two readers of one document see two things
(duplicate keys, NaN, lone surrogates) or where a store could not keep it (NUL, numbers beyond a double).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from sentinai.problems import MalformedJson

MAX_DEPTH = 64
_MOST_DIGITS = 308
_PYTHON_DIGITS = 4000
_BEYOND_DOUBLE = 2**1024
_CODEC_SAFE = frozenset({str, int, bool, type(None)})
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def loads(body: bytes) -> Any:
    """Parse a request body or a document file.

    Raises:
        MalformedJson: the body is not UTF-8 or not JSON; is nested deeper than 64; has a key twice in one
            object, NaN or Infinity, a number beyond a double's range, a NUL, or half a surrogate pair.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8: byte {error.start} is out of place.") from error
    _check_depth(text)
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} at line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise MalformedJson(f"The body is nested deeper than {MAX_DEPTH}.") from error
    except ValueError as error:
        raise MalformedJson(f"A number is too long: {error}.") from error
    if "\\u" in text:
        _check_strings(document)
    return document


def dumps(document: Any) -> str:
    """Compact JSON for the wire."""
    return _ENCODER.encode(document)


def encode(document: Any) -> bytes:
    """The same as UTF-8 bytes, by a native encoder where it can: not for whole numbers beyond 64 bits."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return dumps(document).encode()


def same(one: Any, other: Any) -> bool:
    """Whether two documents say the same. 1 and 1.0 do; true and 1, which are equal in Python, do not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def dumps_stored(document: Any) -> str:
    """The text of a document to be stored."""
    return encode(document).decode()


def loads_stored(text: str | bytes) -> Any:
    """Parse what was checked before it was stored; by a native parser, where that keeps every number.

    Of a whole number that it has no room for it makes one with a fraction; where there is none, nothing was lost.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
    return document if is_codec_safe(document) else json.loads(text)


def is_codec_safe(value: Any) -> bool:
    """Whether a native JSON codec and Python's agree on a value: it has only text, integers, booleans, null."""
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


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for character in _STRINGS.sub("", text):
        if character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedJson(f"The body is nested deeper than {MAX_DEPTH}.")
        elif character in "]}":
            depth -= 1


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise MalformedJson(f"The key {twice!r} stands twice in one object; keep one of the two.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON; leave the value out or use null.")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise MalformedJson(f"The number {text[:40]} is beyond the range of a double.")
    return number


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS and abs(int(text[:_PYTHON_DIGITS])) >= _BEYOND_DOUBLE:
        raise MalformedJson(f"The number {text[:40]}… is beyond the range of a double.")
    return int(text)


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
        raise MalformedJson("A string has a NUL character, which cannot be stored; remove it.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedJson("A string has half a surrogate pair, which is no character.") from error


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
