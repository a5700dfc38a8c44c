"""Cursors for keyset pagination: opaque to callers, the position after the last item inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sentinai.clock import parse_time
from sentinai.documents import strict_json
from sentinai.problems import InvalidCursor, MalformedJson

_MAX_ROW_ID = 2**63 - 1
_MAX_SEQ = 2**31 - 1
_INVALID = "Pass next_cursor from the previous response, with the same filters and sort order."


def encode(kind: str, instant: str, last_id: str) -> str:
    """The cursor after the item ``last_id`` at ``instant``, in a list whose order is named ``kind``."""
    return _encoded([kind, instant, last_id])


def decode(cursor: str, kind: str) -> tuple[datetime, str]:
    """The time and the id of the last item before the cursor.

    Raises:
        InvalidCursor: it is malformed, or belongs to a list with another order.
    """
    match _decoded(cursor, kind):
        case [str(instant), str(last_id)]:
            try:
                return parse_time(instant), last_id
            except ValueError as error:
                raise InvalidCursor(_INVALID) from error
    raise InvalidCursor(_INVALID)


def decode_row(cursor: str, kind: str) -> tuple[datetime, int]:
    """Like :func:`decode`, for a list whose ids are row ids.

    Raises:
        InvalidCursor: it is malformed, or belongs to a list with another order.
    """
    instant, last_id = decode(cursor, kind)
    if last_id.isascii() and last_id.isdigit() and len(last_id) <= len(str(_MAX_ROW_ID)):
        row_id = int(last_id)
        if row_id <= _MAX_ROW_ID:
            return instant, row_id
    raise InvalidCursor(_INVALID)


def encode_seq(seq: int) -> str:
    """The cursor after the event ``seq``."""
    return _encoded(["seq", seq])


def decode_seq(cursor: str) -> int:
    """The ``seq`` of the last event before the cursor.

    Raises:
        InvalidCursor: it is malformed.
    """
    return _decoded_number(cursor, "seq", _MAX_SEQ)


def paginate(ids: Sequence[int], *, limit: int, cursor: str | None) -> tuple[list[int], str | None]:
    """A page of a list that is sorted again for each request, and the cursor of the next page.

    Raises:
        InvalidCursor: it is malformed, or the item before it is no longer in the list.
    """
    start = 0
    if cursor:
        last_id = _decoded_number(cursor, "id", _MAX_ROW_ID)
        if last_id not in ids:
            raise InvalidCursor("The last item of the previous page is no longer in the list. Start again.")
        start = ids.index(last_id) + 1
    page = list(ids[start : start + limit])
    return page, _encoded(["id", page[-1]]) if start + limit < len(ids) else None


def _decoded_number(cursor: str, kind: str, maximum: int) -> int:
    match _decoded(cursor, kind):
        case [number] if type(number) is int and 0 <= number <= maximum:
            return number
    raise InvalidCursor(_INVALID)


def _decoded(cursor: str, kind: str) -> list[Any]:
    """The values of a cursor; none if it is of another kind."""
    try:
        content = strict_json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (MalformedJson, ValueError) as error:
        raise InvalidCursor(_INVALID) from error
    return content[1:] if isinstance(content, list) and content[:1] == [kind] else []


def _encoded(values: list[str | int]) -> str:
    return base64.urlsafe_b64encode(strict_json.dumps(values).encode()).decode().rstrip("=")
