"""The edge of the worker's jobs: an unexpected error costs the item that it happened with, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable

from executor.domain.model import Actor
from sentinai.problems import DatabaseUnavailable, MatcherUnavailable
from sentinai.telemetry import WORKER_ERRORS, logger

ACTOR = Actor("system", "worker", None)
NOT_STOPPING = threading.Event()
"""For jobs that are run once: never set."""

_log = logger("worker")


def guarded(job: str, work: Callable[[], None], otherwise: Callable[[str], None], **context: str) -> None:
    """Do ``work``; after an unexpected error, log and count it, and do ``otherwise`` with its name.

    Raises:
        DatabaseUnavailable, MatcherUnavailable: these concern all items alike.
    """
    try:
        work()
    except (DatabaseUnavailable, MatcherUnavailable):
        raise
    except Exception as error:  # noqa: BLE001 - the edge: the worker outlives any error of one item
        report(job, error, **context)
        otherwise(type(error).__name__)


def report(job: str, error: BaseException, **context: str) -> None:
    """Log an unexpected error with its trace, and count it."""
    WORKER_ERRORS.labels(job).inc()
    _log.error("unexpected_error", job=job, exc_info=error, **context)
