"""Format specs: how they format numbers and strings, and which are refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinai.templates import formats


def shown(value: Any, spec: str) -> str:
    return formats.show(value, formats.parse(spec))


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (7, "", "7"),
        (7.0, "", "7.0"),
        (-3.25, "d", "-3"),
        (2.5, "d", "2"),
        (65536, ",", "65,536"),
        (65536, "_", "65_536"),
        (65536.5, "_.2f", "65_536.50"),
        (65536.5, ",.0f", "65,536"),
        (0.125, ".1%", "12.5%"),
        (1234.5, "_%", "123_450.000000%"),
        (3, "f", "3.000000"),
        (3, ".0", "3"),
        (2.675, ".2f", "2.68"),
        (2**80, ",d", "1,208,925,819,614,629,174,706,176"),
        (2**80, ".1f", "1208925819614629174706176.0"),
        (41, "05d", "00041"),
        (-41, "05d", "-0041"),
        (-4.1, "07.2f", "-004.10"),
        (41, "6", "    41"),
        (41, "<6", "41    "),
        (41, "*^6", "**41**"),
        (41, "-<6d", "41----"),
        (41, "s", "41"),
        (41.5, "6s", "41.5  "),
        ("ab", "6", "ab    "),
        ("ab", ">6", "    ab"),
        ("ab", "05", "ab   "),
        ("abcdef", ".3", "abc"),
        ("abcdef", ".3s", "abc"),
        ("abcdef", ",.3f", "abcdef"),
        ("12", "05d", "12   "),
        (True, "d", "true"),
        (False, ".2f", "false"),
        ([1, "ü"], "", '[1, "ü"]'),
        ({"b": 1, "a": None}, "", '{"a": null, "b": 1}'),
        ([1, 2], ".2", "[1, 2]"),
        ("x", "64", "x" + 63 * " "),
    ],
)
def test_a_value_is_formatted(value: Any, spec: str, text: str) -> None:
    assert shown(value, spec) == text


TOO_MUCH = ["65", "100", "9999999999", ".13f", ".999"]
AGAINST_ITSELF = [".2d", ",s", "05s", "05,d", "<05d"]
UNKNOWN = ["0", "x", "r", "+d", "#x", "e", "g", "n", "c", ",,d", "d ", " d", "{", "**^5", ".f", "5.", "5\n", "!r"]
OTHER_DIGITS = ["\u0663", "1\u0663", ".\u0663f"]


@pytest.mark.parametrize("spec", [*TOO_MUCH, *AGAINST_ITSELF, *UNKNOWN, *OTHER_DIGITS])
def test_an_invalid_or_excessive_spec_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r"format|at most"):
        formats.parse(spec)


FILLS = st.sampled_from(["", "<", ">", "^", "*<", "_>", "0^", ",>"])
SPECS = st.builds(
    lambda align, zero, width, group, precision, kind: align + zero + width + group + precision + kind,
    FILLS,
    st.sampled_from(["", "0"]),
    st.one_of(st.just(""), st.integers(1, 64).map(str)),
    st.sampled_from(["", ",", "_"]),
    st.one_of(st.just(""), st.integers(0, 12).map(lambda n: f".{n}")),
    st.sampled_from(["", "d", "f", "%", "s"]),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**1023), 2**1023),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=9),
    st.lists(st.integers(), max_size=3),
)


@given(SPECS, SCALARS)
def test_a_valid_spec_formats_any_value_to_at_least_its_width(spec: str, value: Any) -> None:
    try:
        how = formats.parse(spec)
    except ValueError:
        return
    text = formats.show(value, how)
    assert len(text) >= how.width


@given(st.integers(-(10**30), 10**30), st.integers(0, 12), st.sampled_from([",", "_"]))
def test_a_rounded_and_grouped_integer_keeps_its_value(value: int, places: int, group: str) -> None:
    text = shown(value, f"{group}.{places}f").replace(group, "")
    whole, _, decimals = text.partition(".")
    assert int(whole) == value
    assert decimals == "0" * places


@given(st.floats(-1e12, 1e12), st.integers(0, 9))
def test_rounding_is_within_half_a_place(value: float, places: int) -> None:
    rounded = float(shown(value, f".{places}f"))
    assert abs(rounded - value) <= 0.5 * 10.0**-places + 4 * math.ulp(value)


@given(st.text(max_size=12))
def test_any_text_is_a_spec_or_a_value_error(text: str) -> None:
    try:
        how = formats.parse(text)
    except ValueError:
        return
    assert how.width <= formats.MAX_WIDTH
    assert (how.precision or 0) <= formats.MAX_PRECISION
