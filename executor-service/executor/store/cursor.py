"""Cursors of lists: opaque to callers, the place after the last item to us (keyset paging)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

from sentinai.clock import parse_time
from sentinai.documents import strict_json
from sentinai.problems import InvalidCursor, MalformedJson

_LAST_ROW = 2**63 - 1


def encode(kind: str, instant: str, last: str) -> str:
    """The cursor after the item at ``instant`` with the id ``last``, in the list ordered by ``kind``."""
    return _encoded([kind, instant, last])


def decode(cursor: str, kind: str) -> tuple[datetime, str]:
    """The place a cursor stands for.

    Raises:
        InvalidCursor: it is not one of ours, or belongs to a list in another order.
    """
    try:
        content = strict_json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        found, instant, last = content
        if found == kind and isinstance(last, str):
            return parse_time(instant), last
    except (binascii.Error, MalformedJson, ValueError, TypeError, AttributeError):
        pass
    raise InvalidCursor("Use next_cursor from a previous answer, with the same sort and filters.")


def decode_row(cursor: str, kind: str) -> tuple[datetime, int]:
    """The place of a cursor whose id is that of a stored row.

    Raises:
        InvalidCursor: it is not one of ours, or belongs to a list in another order.
    """
    instant, last = decode(cursor, kind)
    if last.isascii() and last.isdigit() and len(last) <= len(str(_LAST_ROW)) and int(last) <= _LAST_ROW:
        return instant, int(last)
    raise InvalidCursor("Use next_cursor from a previous answer.")


def encode_seq(seq: int) -> str:
    """The cursor after an event."""
    return _encoded(["seq", seq])


def decode_seq(cursor: str) -> int:
    """The ``seq`` that a cursor of a log stands for.

    Raises:
        InvalidCursor: it is not one of ours.
    """
    return _decode_number(cursor, "seq", most=2**31 - 1)


def _decode_number(cursor: str, kind: str, most: int = _LAST_ROW) -> int:
    try:
        found, number = strict_json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if found == kind and type(number) is int and 0 <= number <= most:
            return number
    except (binascii.Error, MalformedJson, ValueError, TypeError):
        pass
    raise InvalidCursor("Use next_cursor from a previous answer.")


def _encoded(place: list[str | int]) -> str:
    return base64.urlsafe_b64encode(strict_json.dumps(place).encode()).decode().rstrip("=")


def slice_after(ids: Sequence[int], *, limit: int, cursor: str | None) -> tuple[list[int], str | None]:
    """A page of a list that is ordered anew each time, by the id of the last item before; and the next cursor.

    Raises:
        InvalidCursor: it is not one of ours, or what it names is not in the list any more.
    """
    start = ids.index(_decode_id(cursor, ids)) + 1 if cursor else 0
    shown = list(ids[start : start + limit])
    return shown, _encoded(["id", shown[-1]]) if start + limit < len(ids) else None


def _decode_id(cursor: str, ids: Sequence[int]) -> int:
    item = _decode_number(cursor, "id")
    if item not in ids:
        raise InvalidCursor("What it follows is not in the list any more; begin anew.")
    return item
