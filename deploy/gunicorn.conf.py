"""Gunicorn's settings for both services; docs/operations.md lists the SENTINAI_ variables they come from."""

import os
import shutil
import sys
import tempfile

from gunicorn.glogging import Logger

from sentinai import gunicorn_logging
from sentinai import settings as sentinai_settings
from sentinai.identity import TokenVerifier


class _Logger(Logger):
    """Gunicorn's logger without access lines, which it would format for each request and then discard."""

    access_log_enabled = False


try:
    _settings = sentinai_settings.load()
    # Checked here, once: in each worker a missing key would be a traceback.
    TokenVerifier(_settings)
except sentinai_settings.SettingsError as error:
    sys.exit(f"Invalid settings: {error}")

workers = _settings.gunicorn_workers
threads = _settings.gunicorn_threads
worker_class = "sentinai.gunicorn_worker.Worker"
# With the database and the like within 1,024 open files, a usual limit.
worker_connections = 512
# For a whole request, from the first byte that is received to the last that is sent; a long poll lasts up to 20
# seconds. A worker in which nothing has got on for as long is replaced.
timeout = 60
# Requests in progress are finished before a worker stops.
graceful_timeout = 30
keepalive = 15
limit_request_line = 8190
# Nothing uses it, and without a writable home directory it logs an error at every start.
control_socket_disable = True
# The application writes its own log line for each request.
accesslog = None
logger_class = _Logger
errorlog = "-"
logconfig_dict = gunicorn_logging.library_logging()


def on_starting(server):
    """Give the workers a folder for the metrics they share (Prometheus multiprocess mode)."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        os.makedirs(folder, exist_ok=True)
        return
    server.metrics_folder = tempfile.mkdtemp(prefix="sentinai-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.metrics_folder


def child_exit(server, worker):
    """Drop the gauges of a worker that has exited; its counters are kept."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Remove the folder that ``on_starting`` created."""
    folder = getattr(server, "metrics_folder", None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
