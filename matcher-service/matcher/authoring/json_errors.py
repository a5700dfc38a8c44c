"""Where a text is not valid JSON, and how its author can fix it: a parser only says what it expected instead.

The kind of mistake is found from the characters at the offset and from what JSON's grammar allows there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from matcher.authoring.json_positions import JsonPositions
from sentinai.problems import MalformedJson

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_WORD = re.compile(r"[A-Za-z_$][\w$]*|")
_VALUE_START = re.compile(r'["{\[\w-]')
_LITERALS = {"True": "true", "False": "false", "None": "null", "undefined": "null", "nil": "null"}
_BYTE_ORDER_MARK = "\ufeff"
_EXPECTED = {"value": "a value", "key": "a key in double quotes", "comma": "a comma or a closing bracket"}


@dataclass(frozen=True, slots=True)
class SyntaxHint:
    """What is wrong, at which offset of the text, and how to fix it."""

    offset: int
    message: str
    hint: str | None = None


def syntax_hint_for(text: str, problem: MalformedJson) -> SyntaxHint:
    """The mistake for which strict parsing refused a text; ``problem`` is the refusal."""
    if not text.strip():
        return SyntaxHint(0, "The file is empty.", 'The shortest valid conditions are {"match": {}}.')
    if text.startswith(_BYTE_ORDER_MARK):
        return SyntaxHint(0, "The file starts with a byte order mark.", "Save it as UTF-8 without one.")
    if problem.kind == "syntax" and problem.offset is not None:
        return _syntax_hint(text, problem.offset)
    return SyntaxHint(_offset_of(text, problem) or 0, problem.detail)


def _offset_of(text: str, problem: MalformedJson) -> int | None:
    if problem.kind == "duplicate_key":
        return JsonPositions(text).duplicate_key
    if problem.kind == "literal" and problem.token is not None:
        without_strings = _STRINGS.sub(lambda found: " " * len(found[0]), text)
        return max(0, without_strings.find(problem.token))
    return problem.offset


def _syntax_hint(text: str, stopped_at: int) -> SyntaxHint:
    expected = JsonPositions(text[:stopped_at]).expected
    if expected == "string":
        return _inside_string(text[stopped_at], stopped_at)
    rest = text[stopped_at:].lstrip()
    before = text[: len(text) - len(rest)]
    if not rest:
        last = len(text.rstrip()) - 1
        return SyntaxHint(last, "Unexpected end of file.", "Close what is open: } for {, ] for [.")
    if rest[0] in "}]" and before.rstrip().endswith(","):
        comma = len(before.rstrip()) - 1
        return SyntaxHint(comma, f"Trailing comma before the closing {rest[0]}.", "Remove the comma.")
    return SyntaxHint(len(before), *_mistake(expected, before, rest))


def _mistake(expected: str, before: str, rest: str) -> tuple[str, str | None]:
    """The message and the hint for a text that is not what is expected."""
    word = _WORD.match(rest)[0]  # type: ignore[index]
    mistakes = (
        (rest.startswith(("//", "/*", "#")), "JSON does not allow comments.", "Use the playbook's description."),
        (rest[0] == "'", "String in single quotes.", 'JSON requires double quotes: "…".'),
        (rest[0].isdigit() and before.endswith("0"), "Leading zero in a number.", "Remove the zero."),
        (expected == "comma" and _VALUE_START.match(rest), "Missing comma before this.", "Add a comma."),
        (expected == "colon", "Expected a colon after the key.", 'For example "entity": "North".'),
        (expected == "end", "Unexpected text after the end of the document.", "A file has one JSON document."),
        (rest[0] == '"', "Unterminated string.", "Add the closing double quote."),
        (word in _LITERALS, f"{word} is not valid JSON.", f"Write {_LITERALS.get(word)}."),
        (word, "Missing quotes around a word.", f'Write "{word}".'),
    )
    fallback = f"Expected {_EXPECTED.get(expected)}.", None
    return next(((message, hint) for applies, message, hint in mistakes if applies), fallback)


def _inside_string(character: str, offset: int) -> SyntaxHint:
    if character == "\t":
        return SyntaxHint(offset, "Tab character in a string.", "Write \\t.")
    if character < " ":
        return SyntaxHint(offset, "Line break in a string.", "Close the quotes, or write \\n.")
    return SyntaxHint(offset, "Invalid escape sequence in a string.", "Write \\\\ for a backslash.")
