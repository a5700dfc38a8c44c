"""An action type is one module and the schema of its params: one is added to a copy, published and completed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT

_MODULE = '''
"""``count_visits``: notes how often somebody was there."""

from executor.actions.base import Plan, step_members
from executor.domain.model import NewEvent


class CountVisits:
    """Appends a comment with the number."""

    action_type = "count_visits"
    verb = "count the visits"

    def check(self, params, packs):
        return [], []

    def plan(self, context):
        text = self.preview(context)["text"]
        payload = {"text": text, "cause": "step", **step_members(context)}
        return Plan(events=(NewEvent("CommentAdded", payload),), result={"text": text})

    def preview(self, context):
        return {"text": f"{context.record.entity}: {context.step.params['visits']} visits"}

    def summary(self, params):
        return f"{params['visits']} visits"


ACTION = CountVisits()
'''
_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:sentinai:schemas:actions/count_visits",
    "title": "Params of count_visits",
    "description": "Notes how often somebody was there.",
    "x-effect": "changes_exception",
    "type": "object",
    "properties": {"visits": {"type": "integer", "minimum": 1}, "mandatory": {"type": "boolean"}},
    "required": ["visits"],
    "additionalProperties": False,
}
_WORK = """
import json, sys
from pathlib import Path
from tests.conftest import database_of
from tests.support.casework import new_casework
from tests.support.threaded import threaded_pair

folder = Path(sys.argv[1])
step = {"name": "Count", "action_type": "count_visits", "params": {"visits": 3}}
with threaded_pair(database_of("sqlite", folder), folder) as pair:
    work = new_casework(pair, pair.clock())
    wrong = work.admin("POST", "/api/playbooks", work.playbook("Visits", [{**step, "params": {"visits": 0}}]))
    work.publish("Visits", [step])
    exception_id = work.create_exception()
    preview = work.state(exception_id)["steps"][0]["preview"]
    done = work.complete(exception_id, 1)
    page = work.admin("GET", "/openapi.json").json()
    print(json.dumps({
        "refused": [error["pointer"] for error in wrong.json()["errors"]],
        "preview": preview,
        "result": done["steps"][0]["result"],
        "comments": [event["payload"]["text"] for event in work.events(exception_id, "CommentAdded")],
        "faults": pair.verify(work.tenant_id).to_json()["faults"],
        "documented": "count_visits" in json.dumps(page),
    }))
"""


def test_one_module_and_its_schema_make_an_action(tmp_path: Path) -> None:
    for name in ("shared", "schemas", "matcher-service", "executor-service"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "executor-service/executor/actions/count_visits.py").write_text(_MODULE)
    (tmp_path / "schemas/actions/count_visits.schema.json").write_text(json.dumps(_SCHEMA))
    copied = (tmp_path / name for name in ("shared", "matcher-service", "executor-service"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*copied, ROOT)))}
    (tmp_path / "var").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _WORK, tmp_path / "var"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    counted = {"text": "Pier 9: 3 visits"}
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "refused": ["/steps/0/params/visits"],
        "preview": counted,
        "result": counted,
        "comments": [counted["text"]],
        "faults": [],
        "documented": True,
    }
