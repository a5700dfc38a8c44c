"""Measuring things against each other: interleaved in one run, as ratios, with their spread."""

from __future__ import annotations

import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, against what, and the target.

    ``ratio`` is the median over the rounds, ``low`` and ``high`` the extremes. ``better`` is ``high`` or ``low``.
    """

    what: str
    against: str
    ratio: float
    low: float
    high: float
    target: float
    better: str
    measured: str
    unit: str = "times"

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target if self.better == "high" else self.ratio <= self.target


def seconds(work: Callable[[], object], least: float = 0.2) -> float:
    """How long one call takes, from as many as fill ``least`` seconds."""
    work()
    calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < least:
        work()
        calls += 1
    return elapsed / calls


@dataclass(frozen=True, slots=True)
class Compared:
    """Two times measured in turns, a round each: medians in seconds, and their ratio (second by first)."""

    first: float
    second: float
    ratio: float
    low: float
    high: float


def compare(
    first: Callable[[], object], second: Callable[[], object], rounds: int = 5, least: float = 0.2
) -> Compared:
    """Time two things in turns, so that what disturbs the machine disturbs both."""
    pairs = [(seconds(first, least), seconds(second, least)) for _ in range(rounds)]
    ratios = sorted(b / a for a, b in pairs)
    return Compared(
        first=median(a for a, _ in pairs),
        second=median(b for _, b in pairs),
        ratio=median(ratios),
        low=ratios[0],
        high=ratios[-1],
    )


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being measured, and how long that took."""
    print(f"  {text} ...", end="", file=sys.stderr, flush=True)
    gc.collect()
    started = time.perf_counter()
    yield
    print(f" {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


def machine() -> str:
    """The machine in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def short(duration: float) -> str:
    """A duration in the unit that suits it."""
    for size, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if duration >= size:
            return f"{duration / size:.3g} {unit}"
    return f"{duration * 1e9:.3g} ns"
