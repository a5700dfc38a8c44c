"""Where a text is not valid JSON, and how its author can fix it: a parser only says what it expected instead.

The kind of mistake is found from the characters at the offset and from what JSON's grammar allows there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from matcher.authoring.json_positions import duplicate_key_offset
from sentinai.problems import MalformedJson

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_VALUE_START = re.compile(r'["{\[\w-]')
_LITERALS = {"True": "true", "False": "false", "None": "null", "undefined": "null", "nil": "null"}
_BYTE_ORDER_MARK = "\ufeff"
_EXPECTED = {
    "value": "Expected a value.",
    "key": "Expected a key in double quotes.",
    "colon": "Expected a colon after the key.",
    "comma": "Expected a comma or a closing bracket.",
    "end": "Unexpected text after the end of the document.",
    "string": "Invalid escape sequence in a string.",
}


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
    return SyntaxHint(_offset_of(text, problem), problem.detail)


def _offset_of(text: str, problem: MalformedJson) -> int:
    if problem.kind == "duplicate_key":
        return duplicate_key_offset(text) or 0
    if problem.kind == "literal" and problem.token is not None:
        return max(0, _without_strings(text).find(problem.token))
    return problem.offset or 0


def _without_strings(text: str) -> str:
    return _STRINGS.sub(lambda found: " " * len(found[0]), text)


def _syntax_hint(text: str, stopped_at: int) -> SyntaxHint:
    expected = _expected_after(text[:stopped_at])
    if expected == "string":
        return _inside_string(text[stopped_at], stopped_at)
    offset = stopped_at + len(text[stopped_at:]) - len(text[stopped_at:].lstrip())
    rest = text[offset:]
    if not rest:
        last = len(text.rstrip()) - 1
        return SyntaxHint(last, "Unexpected end of file.", "Close what is open: } for {, ] for [.")
    before = text[:offset].rstrip()
    if rest[0] in "}]" and before.endswith(","):
        return SyntaxHint(len(before) - 1, f"Trailing comma before the closing {rest[0]}.", "Remove the comma.")
    if rest.startswith(("//", "/*", "#")):
        hint = "Remove it; use the description of the playbook instead."
        return SyntaxHint(offset, "JSON does not allow comments.", hint)
    if rest[0] == "'":
        return SyntaxHint(offset, "String in single quotes.", 'JSON requires double quotes: "…".')
    return _by_expectation(expected, text[:offset], offset, rest)


def _by_expectation(expected: str, before: str, offset: int, rest: str) -> SyntaxHint:
    message = _EXPECTED[expected]
    if rest[0].isdigit() and before[-1:] == "0":
        return SyntaxHint(offset, "Leading zero in a number.", "Remove the zero.")
    if expected == "comma" and _VALUE_START.match(rest):
        return SyntaxHint(offset, "Missing comma before this.", "Add a comma.")
    if expected == "colon":
        return SyntaxHint(offset, message, 'For example "entity": "North".')
    if expected == "end":
        return SyntaxHint(offset, message, "A file contains one JSON document.")
    if rest[0] == '"':
        return SyntaxHint(offset, "Unterminated string.", "Add the closing double quote.")
    word = _WORD.match(rest)
    if word is None:
        return SyntaxHint(offset, message)
    if word[0] in _LITERALS:
        return SyntaxHint(offset, f"{word[0]} is not valid JSON.", f"Write {_LITERALS[word[0]]}.")
    return SyntaxHint(offset, "Missing quotes around a word.", f'Write "{word[0]}".')


def _inside_string(character: str, offset: int) -> SyntaxHint:
    if character == "\t":
        return SyntaxHint(offset, "Tab character in a string.", "Write \\t.")
    if character < " ":
        return SyntaxHint(offset, "Line break in a string.", "Close the quotes, or write \\n.")
    return SyntaxHint(offset, _EXPECTED["string"], "Write \\\\ for a backslash.")


def _expected_after(beginning: str) -> str:
    """What JSON allows after the beginning of a document: a key of ``_EXPECTED``."""
    opened: list[str] = []
    expected = "value"
    for part in _TOKENS.findall(beginning):
        if part == '"':
            return "string"
        if part in "{[":
            opened.append(part)
        elif part in "}]":
            opened.pop()
        if part in "{[,":
            expected = "key" if opened[-1] == "{" else "value"
        elif part == ":":
            expected = "value"
        elif part[0] == '"' and expected == "key":
            expected = "colon"
        else:
            expected = "comma" if opened else "end"
    return expected
