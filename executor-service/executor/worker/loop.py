"""Runs the worker's jobs until it is stopped.

Each job has a thread of its own, so that none waits for another.
"""

from __future__ import annotations

import logging.config
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from executor.bootstrap import Services
from executor.worker import catalogue_changes, deliveries, housekeeping, recalculations
from executor.worker.items import report
from sentinai.gunicorn_logging import library_logging
from sentinai.problems import DatabaseUnavailable
from sentinai.telemetry import logger, serve_metrics

Job = Callable[[Services, threading.Event], bool]
_log = logger("worker")


def run(services: Services) -> None:
    """Work until SIGTERM or SIGINT, then finish the current messages and release those that were only claimed."""
    stopping, asked = threading.Event(), _signalled()
    logging.config.dictConfig(library_logging())
    serve_metrics(services.settings)
    _log.info("worker_started", period_seconds=services.settings.worker_period_seconds)
    with deliveries.Lanes() as lanes, ThreadPoolExecutor() as pool:
        jobs: Mapping[str, Job] = {
            recalculations.JOB: recalculations.recalculate_all,
            catalogue_changes.JOB: catalogue_changes.follow_all,
            deliveries.JOB: partial(deliveries.deliver_all, lanes=lanes),
            housekeeping.JOB: housekeeping.clean_and_measure,
        }
        for name, job in jobs.items():
            pool.submit(_repeat, name, job, services, stopping)
        asked.recv(1)
        _handle_signals(signal.SIG_IGN)  # Python would end by a further one once it has removed its handlers.
        stopping.set()
    _log.info("worker_stopped")


def _signalled() -> socket.socket:
    """A socket from which a byte can be read once the worker has been asked to stop.

    Handlers do nothing: one that sets an event while another is setting it waits for that, in the same thread, for
    ever. The byte is written whichever thread the system delivers the signal to.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    _handle_signals(lambda *_: None)
    return reader


def _handle_signals(handler: Callable[..., None] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _repeat(name: str, job: Job, services: Services, stopping: threading.Event) -> None:
    """Run a job until the worker stops. An unexpected error is reported, and the job runs again."""
    while not stopping.is_set():
        more = False
        try:
            more = job(services, stopping)
        except DatabaseUnavailable as problem:
            _log.warning("database_unavailable", detail=problem.detail)
        except Exception as error:  # noqa: BLE001 - the edge: nothing ends the worker but a signal
            report(name, error)
        stopping.wait(0 if more else services.settings.worker_period_seconds)


def work_once(services: Services) -> bool:
    """Run all jobs once. Returns True if more work may be due."""
    more = [
        recalculations.recalculate_all(services),
        catalogue_changes.follow_all(services),
        deliveries.deliver_once(services),
        housekeeping.clean_and_measure(services),
    ]
    return any(more)
