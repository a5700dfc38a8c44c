"""A process that has just started gets many calls at once; none of them finds it half ready."""

from __future__ import annotations

import subprocess
import sys

# A process of its own: only there is anything still to be found. The thread that comes second must not see
# what the first has found so far, so the first is held up in the middle.
_RACE = """
import importlib, threading
from executor.actions import registry

real, held, go = importlib.import_module, threading.Event(), threading.Event()

def slow(name, package=None):
    if name.endswith(".notify"):
        held.set()
        go.wait(0.5)
    return real(name, package)

importlib.import_module = slow
first = threading.Thread(target=lambda: registry.actions()["notify"])
first.start()
held.wait()
found = []
second = threading.Thread(target=lambda: found.append(registry.actions()["set_status"].action_type))
second.start()
second.join(0.2)
go.set()
first.join()
second.join()
print(*found)
"""


def test_the_second_thread_to_look_for_an_action_does_not_see_half_of_them():
    done = subprocess.run([sys.executable, "-c", _RACE], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("set_status", "")
