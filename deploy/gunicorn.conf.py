"""Gunicorn's settings, the same for both services; see the SENTINAI_ variables in the documentation."""

import os
import shutil
import sys
import tempfile

from gunicorn.glogging import Logger

from sentinai import gunicorn_logging
from sentinai import settings as sentinai_settings
from sentinai.identity import TokenVerifier


class _Logger(Logger):
    """Gunicorn's logger without access lines, which it would put together for each request to nowhere."""

    access_log_enabled = False


try:
    _settings = sentinai_settings.load()
    # Looked at here once: in each of the workers a missing key would be a traceback.
    TokenVerifier(_settings)
except sentinai_settings.SettingsError as error:
    sys.exit(f"These settings cannot be run with: {error}")

workers = _settings.gunicorn_workers
threads = _settings.gunicorn_threads
worker_class = "gthread"
# A long-poll lasts up to 20 seconds; what is under way when a stop is asked for is finished first.
timeout = 60
graceful_timeout = 30
keepalive = 15
limit_request_line = 8190
# The application writes its own log line for each request.
accesslog = None
logger_class = _Logger
errorlog = "-"
logconfig_dict = gunicorn_logging.library_logging()


def on_starting(server):
    """Give the workers a folder in which they count together (Prometheus' multiprocess mode)."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        os.makedirs(folder, exist_ok=True)
        return
    server.metrics_folder = tempfile.mkdtemp(prefix="sentinai-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.metrics_folder


def child_exit(server, worker):
    """Forget the gauges of a worker that is gone; what it counted stays counted."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Leave nothing behind."""
    folder = getattr(server, "metrics_folder", None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
