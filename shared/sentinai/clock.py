"""Time as a value: read at the edge, passed inwards, written as RFC 3339 in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""What tells the time. Cores take instants; only the edges hold a clock, and tests give their own."""


def utc_now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time into UTC. A time without an offset is taken as UTC.

    Raises:
        ValueError: the text is no time, or lies outside the years 1 to 9999.
    """
    try:
        instant = datetime.fromisoformat(text.strip().upper())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is outside the years 1 to 9999") from error


def format_time(instant: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC, with microseconds only where there are some."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


_RELATIVE = re.compile(
    r"(?P<sign>[+-])P(?:(?P<days>\d{1,6})D)?(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?)?\Z"
)


def relative_time(text: str, now: datetime) -> str:
    """A time written as a distance from now (``+PT45M``, ``-P2DT3H``) as an instant; any other text as it is.

    So is a distance that leads out of the years that there are: it is no time.
    """
    found = _RELATIVE.match(text)
    if found is None:
        return text
    distance = timedelta(**{name: int(found[name] or 0) for name in ("days", "hours", "minutes")})
    try:
        return format_time(now + distance if found["sign"] == "+" else now - distance)
    except OverflowError:
        return text


def format_optional_time(instant: datetime | None) -> str | None:
    """The same, for a time that may be unknown."""
    return None if instant is None else format_time(instant)
