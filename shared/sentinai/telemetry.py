"""Logs as JSON lines and metrics for Prometheus, with the names of both.

Logs carry request, tenant and actor ids, never tokens or bodies. With several worker processes the
metrics are kept in files (``PROMETHEUS_MULTIPROC_DIR``) and summed when they are scraped.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import structlog
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from sentinai.settings import Settings, SettingsError, unknown_variables

REQUESTS = Histogram(
    "sentinai_request_seconds",
    "Time to respond to a request",
    ["service", "operation", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25),
)
MATCHES = Counter("sentinai_matches_total", "Match responses by outcome", ["outcome"])
CANDIDATES = Histogram(
    "sentinai_match_candidates", "Playbooks considered per match", buckets=(1, 10, 100, 1e3, 1e4, 1e5)
)
EVALUATION_ERRORS = Counter("sentinai_evaluation_errors_total", "Conditions whose evaluation failed")
CATALOGUE_LOADS = Counter("sentinai_catalogue_requests_total", "Catalogue look-ups by cache outcome", ["cache"])
MATCHER_CALLS = Counter("sentinai_matcher_calls_total", "Calls of the executor to the matcher", ["outcome"])
OUTCOMES = Counter("sentinai_step_outcomes_total", "Step calls by outcome", ["mode", "outcome"])
OUTBOX_DEPTH = Gauge("sentinai_outbox_pending", "Outbox entries to be delivered", multiprocess_mode="mostrecent")
OUTBOX_FAILED = Gauge(
    "sentinai_outbox_failed", "Outbox entries that failed permanently", multiprocess_mode="mostrecent"
)
DUE_RECALCULATIONS = Gauge(
    "sentinai_due_recalculations", "Exceptions whose recommendation is due", multiprocess_mode="mostrecent"
)
WORKER_ERRORS = Counter("sentinai_worker_errors_total", "Unexpected errors of the worker", ["job"])

TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""Trace context of the current request (W3C ``traceparent``), passed on with the calls made for it."""


def configure_logging(service: str, level: str) -> None:
    """Write this process's structured logs to standard error, one JSON object per line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _Service(service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: _Log(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _Log(structlog.WriteLogger):
    """Writes lines. One that cannot be written, as on a full disk, is lost: work goes on without it."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = msg


class _Service:
    """Adds the service to each line; a context variable would be missing in lines of other threads."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**event, "service": self._name}


def logger(name: str) -> Any:
    """A structured logger: events are short snake_case names, details are fields."""
    return structlog.get_logger(component=name)


def warn_of_unknown_settings() -> None:
    """Log a warning for each ``SENTINAI_`` variable that is not documented: it is probably misspelt."""
    for name in unknown_variables():
        logger("settings").warning(
            "unknown_setting", variable=name, hint="No setting has this name; check the spelling."
        )


def serve_metrics(settings: Settings) -> None:
    """Serve the metrics of a process that has no HTTP server of its own, if a port is set.

    Raises:
        SettingsError: the port cannot be used.
    """
    if not settings.worker_metrics_port:
        return
    try:
        start_http_server(settings.worker_metrics_port, settings.bind_host)
    except OSError as error:
        raise SettingsError(
            f"SENTINAI_WORKER_METRICS_PORT={settings.worker_metrics_port}: cannot be used ({error.strerror})"
        ) from error


def metrics_page() -> bytes:
    """The metrics of all worker processes of this service, in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(PROCESS_REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
