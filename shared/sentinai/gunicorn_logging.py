"""Logging of libraries as JSON lines, like the services' own.

Separate from telemetry: Gunicorn's settings import this before the metrics folder of the workers exists,
and importing ``prometheus_client`` that early would fix its single-process mode.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog


def library_logging() -> dict[str, Any]:
    """The ``logging.config.dictConfig`` under which libraries, including Gunicorn, write JSON lines.

    Only warnings and above; the name of the library's logger becomes the line's ``component``.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": _library_formatter}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"}
        },
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True}},
    }


def _library_formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _component,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def _component(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"component": event.pop("logger", None), **event}
