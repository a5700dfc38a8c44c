from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from matcher.authoring.json_positions import JsonPositions, Position
from sentinai.documents import json_pointer

TEXT = """{
  "a": [1, {"b/c": true}],
\t"d" : { "e\\"~": -1.5e3 , "f":[] } ,
  "g": "x, {y]"
}
"""
KEYS = st.text(st.characters(codec="utf-8"), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def test_values_and_keys_have_a_line_and_column():
    places = JsonPositions(TEXT)
    assert places.of_value("") == Position(1, 1)
    assert places.of_value("/a/1") == Position(2, 12)
    assert places.of_key("/a/1/b~1c") == Position(2, 13)
    assert places.of_value("/a/1/b~1c") == Position(2, 20)
    assert places.of_key('/d/e"~0') == Position(3, 10)
    assert places.of_value('/d/e"~0') == Position(3, 18)
    assert places.of_value("/d/f") == Position(3, 31)
    assert places.of_value("/g") == Position(4, 8)


def test_a_missing_value_is_at_its_nearest_parent():
    places = JsonPositions(TEXT)
    assert places.of_value("/d/absent") == places.of_value("/d")
    assert places.of_value("/absent/deeper") == Position(1, 1)


def pointers(value, pointer=""):
    yield pointer, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from pointers(child, json_pointer.join(pointer, key))


@given(VALUES, st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_the_text_at_the_position_of_a_pointer_starts_with_its_value(document, indent, ascii_only):
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    places, lines = JsonPositions(text), text.split("\n")
    for pointer, value in pointers(document):
        place = places.of_value(pointer)
        rest = "\n".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]])
        assert json.JSONDecoder().raw_decode(rest)[0] == value
