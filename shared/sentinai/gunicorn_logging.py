"""Libraries log as the services do: JSON lines. Apart from the metrics, which must not be loaded too early.

Gunicorn's settings need this before the folder is there in which the metrics of all its workers are kept.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog


def library_logging() -> dict[str, Any]:
    """What ``logging.config.dictConfig`` takes so that libraries, Gunicorn among them, write such lines too.

    Only warnings and worse; the name of the library's logger is the line's ``component``.
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
