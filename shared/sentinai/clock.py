"""Times are read at the edge, passed in as values, and written as RFC 3339 in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the current time. Pure code takes times; only the edges hold a clock, and tests pass their own."""


def utc_now() -> datetime:
    """The current time, timezone-aware, in UTC."""
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time into UTC. A time without an offset is read as UTC.

    Raises:
        ValueError: the text is not a time, or is outside the years 1 to 9999.
    """
    try:
        instant = datetime.fromisoformat(text.strip().upper())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is outside the years 1 to 9999") from error


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LONGEST_TIME = 64
"""How many characters a time may have."""


def microseconds(text: str) -> int | None:
    """The microseconds from 1970 to a time, by which instants compare exactly; None for any other text.

    A time has a date and a time of day; without an offset it is read as UTC.
    """
    if len(text) > LONGEST_TIME or not ("T" in text or "t" in text):
        return None
    try:
        return (parse_time(text) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None


def time_at(microseconds: int) -> datetime:
    """The time at so many microseconds from 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def format_time(instant: datetime) -> str:
    """Format a timezone-aware time as RFC 3339 in UTC; microseconds only if they are not zero."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


_RELATIVE = re.compile(
    r"(?P<sign>[+-])P(?:(?P<days>\d{1,6})D)?(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?)?\Z"
)


def relative_time(text: str, now: datetime) -> str:
    """Resolve an offset from now (``+PT45M``, ``-P2DT3H``) to a time; any other text is returned unchanged.

    So is an offset that leads outside the years 1 to 9999.
    """
    matched = _RELATIVE.match(text)
    if matched is None:
        return text
    offset = timedelta(**{name: int(matched[name] or 0) for name in ("days", "hours", "minutes")})
    try:
        return format_time(now + offset if matched["sign"] == "+" else now - offset)
    except OverflowError:
        return text


def format_optional_time(instant: datetime | None) -> str | None:
    """Like :func:`format_time`; None for None."""
    return None if instant is None else format_time(instant)
