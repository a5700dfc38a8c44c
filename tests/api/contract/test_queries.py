"""Every operation that takes query parameters says which of them is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import database_of
from tests.support.threaded import Threaded, threaded_pair

_NUMBERS = ("integer", "number", "boolean")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    folder = tmp_path_factory.mktemp("pair")
    with threaded_pair(database_of("sqlite", folder), folder) as served:
        yield served


def _wrong_parameters(operation: Any) -> Iterator[str]:
    """An unknown name, and those of parameters that cannot be ``-?-``."""
    yield "colour"
    for parameter in operation["parameters"]:
        schema = parameter["schema"].get("items", parameter["schema"])
        is_picky = schema.get("type") in _NUMBERS or {"enum", "format"} & schema.keys()
        if parameter["in"] == "query" and is_picky:
            yield parameter["name"]


def test_a_wrong_parameter_is_named(pair: Threaded):
    client = pair.client("anyone", "admin")
    tried = 0
    for path, methods in client.ok("GET", "/openapi.json")["paths"].items():
        for method, operation in methods.items():
            if not any(parameter["in"] == "query" for parameter in operation["parameters"]):
                continue
            filled = re.sub(r"\{\w+\}", "1", path)
            for name in _wrong_parameters(operation):
                query = {"params": {name: "-?-"}}
                problem = client.problem(422, "invalid_query", method.upper(), filled, **query)
                assert [error["pointer"] for error in problem["errors"]] == [f"/query/{name}"]
                tried += 1
    assert tried >= 20


def test_no_operation_of_the_matcher_takes_any(pair: Threaded):
    document = pair.client("anyone", service="matcher").ok("GET", "/openapi.json")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert not [each for operation in operations for each in operation["parameters"] if each["in"] == "query"]
