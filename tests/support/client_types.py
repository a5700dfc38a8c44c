"""Generates the types of the client's answers from the schemas. As a command (``make types``), writes them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import executor.app
import matcher.app
from sentinai.web import openapi

FILE = Path(__file__).parents[2] / "shared" / "sentinai" / "client" / "types.py"
_HEAD = '''"""The types of the services' answers. Generated from ``schemas/`` by ``make types``; do not edit.

Times are RFC 3339 in UTC, as text.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict
'''
_NAMES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_BESIDE_OPERATIONS = ("health",)
Components = Mapping[str, Any]


def module_text() -> str:
    """The whole module: every type that an answer of either service refers to."""
    operations = (each for api in (*executor.app.APIS, *matcher.app.APIS) for each in api.operations)
    answered = {name for operation in operations for name in operation.answers.values()}
    roots = [{"$ref": openapi.reference(name)} for name in (*answered, *_BESIDE_OPERATIONS)]
    # An action is added without touching the client, so its type is any text.
    components = {**openapi.reachable(roots), "ActionType": {"type": "string"}}
    return _formatted(_HEAD + "".join(declarations(components)))


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def declarations(components: Components) -> Iterator[str]:
    """An alias for each component that is an enumeration, then a class for each that is an object."""
    for name, schema in components.items():
        if "enum" in schema:
            yield f"\n{name} = {expression(schema, components)}"
    yield "\n"
    for name, schema in components.items():
        if "properties" in schema:
            yield f"\n\n{_class(name, schema, components)}\n"


def expression(schema: Mapping[str, Any], components: Components) -> str:
    """The Python type of what a schema describes."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        named = components[name].keys() & {"enum", "properties"}
        return name if named else expression(components[name], components)
    if "const" in schema or "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema.get('enum', [schema.get('const')])))}]".replace("'", '"')
    options = schema.get("anyOf") or schema.get("oneOf") or _by_type(schema)
    if len(options) > 1:
        return " | ".join(dict.fromkeys(expression(option, components) for option in options))
    kind = schema.get("type")
    if kind == "array":
        return f"list[{expression(schema.get('items', {}), components)}]"
    if kind == "object":
        return f"dict[str, {expression(schema.get('additionalProperties') or {}, components)}]"
    return _NAMES.get(str(kind), "Any")


def _by_type(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    kinds = schema.get("type", [])
    return [{**schema, "type": kind} for kind in kinds] if isinstance(kinds, list) else [{**schema}]


def _class(name: str, schema: Mapping[str, Any], components: Components) -> str:
    required = schema.get("required", ())
    lines = [f"class {name}(TypedDict{'' if required else ', total=False'}):"]
    lines += [f'    """{schema["description"].partition(". ")[0].removesuffix(".")}."""', ""]
    for member, member_schema in schema["properties"].items():
        kind = expression(member_schema, components)
        lines.append(f"    {member}: {kind if member in required or not required else f'NotRequired[{kind}]'}")
    return "\n".join(lines)


if __name__ == "__main__":
    FILE.write_text(module_text(), "utf-8")
