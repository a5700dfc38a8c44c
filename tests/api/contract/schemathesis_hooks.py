"""What schemathesis calls when it has loaded a document."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.hook
def before_load_schema(_context: Any, document: Any) -> None:
    """Describe whole numbers in headers as texts, which schemathesis would take for wrong integers otherwise."""
    operations = (operation for methods in document["paths"].values() for operation in methods.values())
    for parameter in (parameter for operation in operations for parameter in operation["parameters"]):
        if parameter["in"] == "header" and parameter["schema"]["type"] == "integer":
            assert (parameter["schema"]["minimum"], parameter["schema"]["maximum"]) == (1, 60_000)
            parameter["schema"] = {"type": "string", "pattern": "^([1-9][0-9]{0,3}|[1-5][0-9]{4}|60000)$"}
