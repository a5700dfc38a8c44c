"""A small load generator: kept connections, a few threads, raw requests; it costs less than what it measures."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

CONNECTIONS = 8


def requests_per_second(
    url: str, bodies: Sequence[bytes], headers: Mapping[str, str], seconds: float = 3.0
) -> float:
    """How many POST requests a second are answered with success, over a few connections.

    Raises:
        AssertionError: one was not.
    """
    place = urlsplit(url)
    counts = [0] * CONNECTIONS
    refused: list[int] = []
    until = time.perf_counter() + seconds

    def work(index: int) -> None:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        turn = index
        while time.perf_counter() < until:
            connection.request("POST", place.path, bodies[turn % len(bodies)], dict(headers))
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                refused.append(answer.status)
                return
            counts[index] += 1
            turn += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refused, refused
    return sum(counts) / (time.perf_counter() - started)
