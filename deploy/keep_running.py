"""Run a command, and again whenever it ends, until SIGTERM; then wait for it to finish.

Example:
    python deploy/keep_running.py executor worker
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

_PAUSE_SECONDS = 1


def main(command: list[str]) -> int:
    """Keep the command running; the exit code of its last run."""
    stopping: list[int] = []
    # The manager sends the signal to the whole process group, so the command gets it too.
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    while True:
        process = subprocess.Popen(command)
        if stopping:  # It may have been started too late to get the signal.
            process.terminate()
        code = process.wait()
        if stopping:
            return code
        print(f"{' '.join(command)} ended with code {code}; starting it again.", file=sys.stderr, flush=True)
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
