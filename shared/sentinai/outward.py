"""One HTTP request outwards: to the address given and no other, and no longer or larger than it may be."""

from __future__ import annotations

import time
from typing import Any

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

MOST_BYTES = 256 * 1024 * 1024
"""The largest answer that is read: more than the largest batch has, and less than a process can bear."""

_AT_ONCE = 65_536


class AnswerTooLarge(Exception):
    """More came than any answer has."""


def new_session() -> requests.Session:
    """A session that sends to nowhere else: proxies and .netrc of the environment are for others."""
    session = requests.Session()
    session.trust_env = False
    return session


def send(
    session: requests.Session,
    method: str,
    url: str,
    *,
    connect_seconds: float,
    read_seconds: float,
    most_bytes: int = MOST_BYTES,
    **parts: Any,
) -> requests.Response:
    """The answer, read whole. ``parts`` are further arguments of ``requests``. Redirects are not followed.

    ``read_seconds`` is how long it may take until the answer begins, and again until all of it is there, however
    steadily it drips.

    Raises:
        requests.RequestException: no answer came, or not all of it in time. AnswerTooLarge: it does not end.
    """
    timeout = (connect_seconds, read_seconds)
    answer = session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **parts)
    try:
        # What requests itself would set by reading without a bound.
        answer._content = _read(answer, time.monotonic() + read_seconds, most_bytes)  # noqa: SLF001
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error, response=answer) from error
    except HTTPError as error:
        raise requests.ConnectionError(error, response=answer) from error
    finally:
        answer.close()
    return answer


def _read(answer: requests.Response, until: float, most_bytes: int) -> bytes:
    body = bytearray()
    while chunk := answer.raw.read1(_AT_ONCE, decode_content=True):
        body += chunk
        if len(body) > most_bytes:
            raise AnswerTooLarge
        if time.monotonic() > until:
            raise requests.ReadTimeout("the answer did not end", response=answer)
    return bytes(body)
