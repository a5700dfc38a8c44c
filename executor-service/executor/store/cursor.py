"""Cursors for keyset pagination: opaque to callers, the position after the last item inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sentinai.clock import format_time, parse_time
from sentinai.documents import strict_json
from sentinai.problems import InvalidCursor, MalformedJson

_MAX_ROW_ID = 2**63 - 1
_MAX_SEQ = 2**31 - 1


def encode(kind: str, *values: datetime | str | int) -> str:
    """The cursor after an item, by the values that a list orders by; ``kind`` names the list and its order."""
    content = [kind, *(format_time(each) if isinstance(each, datetime) else each for each in values)]
    return base64.urlsafe_b64encode(strict_json.dumps(content).encode()).decode().rstrip("=")


def decode(cursor: str, kind: str, *types: type) -> list[Any]:
    """The values in a cursor, which must be of the given types.

    Raises:
        InvalidCursor: it is malformed, or belongs to a list with another order.
    """
    try:
        content = strict_json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(content, list) or content[:1] != [kind]:
            raise ValueError(kind)
        return [_read(value, expected) for value, expected in zip(content[1:], types, strict=True)]
    except (MalformedJson, ValueError) as error:
        detail = "Pass next_cursor from the previous response, with the same filters and sort order."
        raise InvalidCursor(detail) from error


def decode_seq(cursor: str) -> int:
    """The ``seq`` of the last event before the cursor.

    Raises:
        InvalidCursor: it is malformed.
    """
    seq: int = min(decode(cursor, "seq", int)[0], _MAX_SEQ)
    return seq


def paginate(ids: Sequence[int], *, limit: int, cursor: str | None) -> tuple[list[int], str | None]:
    """A page of a list that is sorted again for each request, and the cursor of the next page.

    Raises:
        InvalidCursor: it is malformed, or the item before it is no longer in the list.
    """
    start = 0
    if cursor:
        (last_id,) = decode(cursor, "id", int)
        if last_id not in ids:
            raise InvalidCursor("The last item of the previous page is no longer in the list. Start again.")
        start = ids.index(last_id) + 1
    page = list(ids[start : start + limit])
    return page, encode("id", page[-1]) if start + limit < len(ids) else None


def _read(value: Any, expected: type) -> Any:
    if expected is datetime and type(value) is str:
        return parse_time(value)
    if type(value) is not expected or (isinstance(value, int) and not 0 <= value <= _MAX_ROW_ID):
        raise ValueError(value)
    return value
