"""Cursors of lists: opaque to callers, the place after the last item to us (keyset paging)."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from sentinai import strict_json
from sentinai.clock import parse_time
from sentinai.problems import InvalidCursor, MalformedJson


def encode(kind: str, instant: str, last: str) -> str:
    """The cursor after the item at ``instant`` with the id ``last``, in the list ordered by ``kind``."""
    return base64.urlsafe_b64encode(strict_json.dumps([kind, instant, last]).encode()).decode().rstrip("=")


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


def encode_seq(seq: int) -> str:
    """The cursor after an event."""
    return base64.urlsafe_b64encode(strict_json.dumps(["seq", seq]).encode()).decode().rstrip("=")


def decode_seq(cursor: str) -> int:
    """The ``seq`` that a cursor of a log stands for.

    Raises:
        InvalidCursor: it is not one of ours.
    """
    try:
        kind, seq = strict_json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if kind == "seq" and type(seq) is int and 0 <= seq < 2**31:
            return seq
    except (binascii.Error, MalformedJson, ValueError, TypeError):
        pass
    raise InvalidCursor("Use next_cursor from a previous answer.")
