"""The client's types are those that the schemas describe, and its methods return what their operations answer."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from tests.support.client_types import FILE, declarations, expression, module_text

import executor.app
import matcher.app
from sentinai.client import ExecutorClient, MatcherClient
from sentinai.web import openapi
from sentinai.web.operations import Operation

SCHEMAS = "#/components/schemas/"
COMPONENTS = {
    "Colour": {"enum": ["red", "blue"]},
    "Name": {"type": "string", "maxLength": 9},
    "Box": {
        "description": "A box. It may be empty.",
        "properties": {
            "colour": {"$ref": f"{SCHEMAS}Colour"},
            "lid": {"$ref": "#/components/schemas/Lid"},
        },
        "required": ["colour"],
    },
    "Lid": {"description": "A lid.", "properties": {"name": {"$ref": f"{SCHEMAS}Name"}}},
}


def test_the_module_is_generated_from_the_schemas():
    assert FILE.read_text("utf-8") == module_text(), "run make types"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, "Any"),
        ({"type": "integer"}, "int"),
        ({"type": ["number", "null"]}, "float | None"),
        ({"const": True}, "Literal[True]"),
        ({"enum": ["a", "b"]}, 'Literal["a", "b"]'),
        ({"type": "array", "items": {"type": "boolean"}}, "list[bool]"),
        ({"type": "array"}, "list[Any]"),
        ({"type": "object", "additionalProperties": {}}, "dict[str, Any]"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "dict[str, str]"),
        (
            {"type": ["object", "null"], "properties": {"a": {}}, "additionalProperties": False},
            "dict[str, Any] | None",
        ),
        ({"anyOf": [{"$ref": f"{SCHEMAS}Box"}, {"type": "null"}]}, "Box | None"),
        ({"$ref": f"{SCHEMAS}Name"}, "str"),
        ({"$ref": f"{SCHEMAS}Colour"}, "Colour"),
    ],
)
def test_a_schema_becomes_a_type(schema: dict[str, Any], expected: str):
    assert expression(schema, COMPONENTS) == expected


def test_objects_become_classes_and_enumerations_aliases():
    assert "".join(declarations(COMPONENTS)) == (
        '\nColour = Literal["red", "blue"]\n'
        '\n\nclass Box(TypedDict):\n    """A box."""\n\n    colour: Colour\n    lid: NotRequired[Lid]\n'
        '\n\nclass Lid(TypedDict, total=False):\n    """A lid."""\n\n    name: str\n'
    )


OPERATIONS = [
    (client, operation)
    for client, apis in ((MatcherClient, matcher.app.APIS), (ExecutorClient, executor.app.APIS))
    for api in apis
    for operation in api.operations
]


@pytest.mark.parametrize(("client", "operation"), OPERATIONS, ids=[each.name for _, each in OPERATIONS])
def test_a_method_returns_what_its_operation_answers(client: type, operation: Operation):
    allowed = set()
    for answer in operation.answers.values():
        name = openapi.component(answer)
        schema = openapi.reachable({"$ref": openapi.reference(answer)})[name]
        allowed |= {name, *(each["$ref"].removeprefix(SCHEMAS) for each in schema.get("anyOf", ()))}
    assert get_type_hints(getattr(client, operation.name))["return"].__name__ in allowed
