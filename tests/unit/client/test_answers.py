"""The types of answers held against the schemas: no field more, none less, none of another kind."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from sentinai.client import answers
from sentinai.documents.schemas import URN, schemas

Schema = Any
SCHEMA_OF = {
    answers.Problem: "problem",
    answers.Health: "health",
    answers.MatchResponse: "match-response",
    answers.MatchBatchResponse: "match-batch-response",
    answers.ValidateResponse: "validate-response",
    answers.Verdict: "evaluate-response#/anyOf/0",
    answers.RuleResult: "evaluate-response#/anyOf/1",
    answers.Operators: "operators",
    answers.ExceptionDocument: "exception",
    answers.ExceptionPage: "exception-page",
    answers.Recalculation: "recalculation",
    answers.PlaybookState: "playbook-state",
    answers.Event: "event",
    answers.EventPage: "event-page",
    answers.ChainCheck: "chain-check",
    answers.Playbook: "playbook",
    answers.PlaybookPage: "playbook-page",
    answers.PublishCheck: "publish-answer#/anyOf/1",
    answers.StoredPolicyPack: "stored-policy-pack",
    answers.StoredDomainPack: "stored-domain-pack",
    answers.PlaybookAnalytics: "playbook-analytics",
    answers.DummyToolAnswer: "dummy-tool-answer",
}
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", dict: "object"}


@pytest.mark.parametrize("kind", SCHEMA_OF, ids=lambda kind: kind.__name__)
def test_a_type_is_what_its_schema_says(kind: type):
    assert list(differences(kind, resolve({"$ref": URN + SCHEMA_OF[kind]}), kind.__name__)) == []


def test_every_type_is_one_of_a_schema_or_part_of_one():
    seen: set[type] = set()
    for kind in SCHEMA_OF:
        seen |= set(parts(kind))
    assert seen == {getattr(answers, name) for name in answers.__all__}


def parts(kind: Any) -> Iterator[type]:
    if is_typeddict(kind):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from parts(hint)
    for argument in get_args(kind):
        yield from parts(argument)


def differences(kind: Any, schema: Schema, place: str) -> Iterator[str]:
    """Where a type hint and a schema say different things."""
    if kind is Any:
        return
    options = choices(schema)
    if get_origin(kind) in (Union, types.UnionType):
        for argument in get_args(kind):
            yield from min((list(differences(argument, option, place)) for option in options), key=len)
        if len(get_args(kind)) != len(options):
            yield f"{place} is one of {len(options)} things"
    elif len(options) != 1:
        yield f"{place} is one of {options}"
    else:
        yield from plain_differences(kind, options[0], place)


def plain_differences(kind: Any, schema: Schema, place: str) -> Iterator[str]:
    if is_typeddict(kind):
        yield from member_differences(kind, schema, place)
    elif get_origin(kind) is Literal:
        told = schema.get("enum") or [schema.get("const")]
        if set(get_args(kind)) != set(told):
            yield f"{place} is one of {told}"
    elif get_origin(kind) is list:
        yield from differences(get_args(kind)[0], resolve(schema.get("items", {})), place + "[]")
    elif schema.get("type") != KINDS[get_origin(kind) or kind]:
        yield f"{place} is {schema}"


def member_differences(kind: Any, schema: Schema, place: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    members = schema.get("properties", {})
    if hints.keys() != members.keys():
        yield f"{place}: {sorted(hints.keys() ^ members.keys())}"
    # Not by __required_keys__: of annotations that are text, it takes every one as required.
    full = get_type_hints(kind, include_extras=True)
    required = {name for name, hint in full.items() if get_origin(hint) is not NotRequired and kind.__total__}
    if required != set(schema.get("required", ())):
        yield f"{place}: required are {schema.get('required')}"
    for name in hints.keys() & members.keys():
        yield from differences(hints[name], resolve(members[name]), f"{place}.{name}")


def choices(schema: Schema) -> list[Schema]:
    """The single-kind schemas that a schema is a choice of."""
    if schema is True:
        return [{}]
    if "anyOf" in schema and "properties" not in schema:
        return [each for option in schema["anyOf"] for each in choices(resolve(option))]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": each} for each in schema["type"]]
    return [schema]


def resolve(schema: Schema) -> Schema:
    """A schema with what it refers to in place of the reference."""
    if not isinstance(schema, Mapping) or "$ref" not in schema:
        return schema
    name, _, pointer = schema["$ref"].removeprefix(URN).partition("#")
    key = pointer.rpartition("/")[2]
    found: Any = (
        schemas()[name] if name else next(each for each in schemas().values() if key in each.get("$defs", {}))
    )
    for key in pointer.split("/")[1:]:
        found = found[int(key) if isinstance(found, list) else key]
    return resolve(found)


def test_the_comparison_sees_what_differs():
    class Other(answers.Clause):
        """A clause with one member more, which may be missing."""

        weight: NotRequired[int]

    schema = resolve({"$ref": URN + "validate-response#/$defs/clause"})
    assert list(differences(answers.Clause, schema, "it")) == []
    assert list(differences(Other, schema, "it")) == ["it: ['weight']"]
    assert list(differences(answers.Selected, schema, "it"))
    assert list(differences(list[int], {"type": "array", "items": {"type": "string"}}, "it"))
    assert list(differences(str | None, {"type": "string"}, "it"))
    assert list(differences(Literal["a"], {"enum": ["a", "b"]}, "it"))
