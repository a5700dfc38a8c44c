"""Where a text is no JSON, and what its author would mend: parsers say what they expected instead."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from sentinai.problems import MalformedJson

_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONSTANTS = re.compile(r"-?(?:NaN|Infinity)")
_LITERALS = {"True": "true", "False": "false", "None": "null", "undefined": "null", "nil": "null"}
_OPENING = re.compile(r'["{\[\w-]')
_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class SyntaxHint:
    """What is wrong, at which offset of the text, and the mend."""

    offset: int
    message: str
    hint: str | None = None


def syntax_hint_for(text: str, problem: MalformedJson) -> SyntaxHint:
    """The slip for which a text was refused; ``problem`` is the refusal."""
    if not text.strip():
        return SyntaxHint(0, "The file is empty.", 'The least that conditions say is {"match": {}}.')
    if text.startswith(_MARK):
        return SyntaxHint(0, "The file begins with a byte order mark.", "Save it as UTF-8 without one.")
    cause = problem.__cause__
    if isinstance(cause, json.JSONDecodeError):
        return _told(text, cause)
    found = _CONSTANTS.search(_without_strings(text)) if "is not JSON" in problem.detail else None
    return SyntaxHint(found.start() if found else 0, problem.detail)


def _without_strings(text: str) -> str:
    return _STRINGS.sub(lambda found: " " * len(found[0]), text)


def _told(text: str, error: json.JSONDecodeError) -> SyntaxHint:
    """The parser's error in an author's words; what is not one of the usual slips stays as the parser says it."""
    offset = error.pos + len(text[error.pos :]) - len(text[error.pos :].lstrip())
    rest = text[offset:]
    if not rest:
        return SyntaxHint(
            len(text.rstrip()) - 1, "The file ends in the middle.", "Close what is open: } for {, ] for [."
        )
    before = text[:offset].rstrip()
    if rest[0] in "}]" and before.endswith(","):
        return SyntaxHint(len(before) - 1, f"A comma stands before the closing {rest[0]}.", "Take the comma out.")
    if rest.startswith(("//", "/*", "#")):
        return SyntaxHint(offset, "JSON has no comments.", "Take it out; a playbook has a description.")
    if rest[0] == "'":
        return SyntaxHint(offset, "Single quotes stand around a text.", 'JSON takes double ones: "…".')
    return _by_expectation(error, offset, rest) or SyntaxHint(error.pos, f"It is no JSON: {error.msg}.")


def _by_expectation(error: json.JSONDecodeError, offset: int, rest: str) -> SyntaxHint | None:
    expected, word = error.msg, _WORD.match(rest)
    if expected.startswith("Expecting ','") and _OPENING.match(rest):
        return SyntaxHint(
            offset, "Something is missing between this and what stands before it.", "Put a comma there."
        )
    if expected.startswith("Expecting ':'"):
        return SyntaxHint(offset, "After a key stands a colon.", 'Such as "entity": "North".')
    if expected == "Extra data":
        return SyntaxHint(offset, "The document ended before this.", "A file holds one document.")
    if expected.startswith("Invalid control character"):
        if error.doc[error.pos] == "\t":
            return SyntaxHint(error.pos, "A tab stands in a text.", "Write \\t.")
        return SyntaxHint(error.pos, "A text goes on in the next line.", "Close its quotes, or write \\n.")
    if expected.startswith("Unterminated string"):
        return SyntaxHint(error.pos, "A text is not closed.", "Put a double quote at its end.")
    if word is None:
        return None
    if word[0] in _LITERALS:
        return SyntaxHint(offset, f"{word[0]} is not JSON.", f"Write {_LITERALS[word[0]]}.")
    return SyntaxHint(offset, "A word stands without quotes.", f'Write "{word[0]}".')
