"""A guide whose exchanges and programs are real: run in order against a pair, their outcomes written beside them.

Fenced blocks of three kinds are run. ``http`` that begins with a method is a request; ``http`` that begins with
``HTTP/1.1`` is the answer to the one before, ``python`` is a program, and ``text`` after it is what it printed.
An answer's info string may narrow it: ``http show=items.name,total headers=ETag`` shows these members and this
header, and ``…`` for the rest; ``show=items:1`` shows the first item of a list.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

BLOCK = re.compile(r"^```(?P<kind>http|python|text)(?: (?P<info>[^\n]*))?\n(?P<text>.*?)^```$", re.M | re.S)
REQUEST = re.compile(
    r"(?P<method>[A-Z]+) (?P<url>\S+)\n(?P<headers>(?:[\w-]+: [^\n]*\n)*)(?:\n(?P<body>.*))?\Z", re.S
)
ELIDED = "…"
_WIDTH = 108
_MADE_UP = (
    (re.compile(r"(?!0{64})[0-9a-f]{64}"), "5f0c…"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "01968e5c-…"),
)
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of the guide, and its answer."""

    method: str
    url: str
    answer: requests.Response


@dataclass
class Run:
    """Runs a guide. ``places`` maps names in the guide (``$NOOR``, a URL) to their values in this run."""

    places: Mapping[str, str]
    names: dict[str, Any]
    between: Callable[[], None]
    exchanges: list[Exchange] = field(default_factory=list)
    printed: str = ""

    def __call__(self, guide: str) -> str:
        """The guide with every outcome as it came out now."""
        return BLOCK.sub(self._block, guide)

    def _block(self, block: re.Match[str]) -> str:
        kind, info, text = block["kind"], block["info"], block["text"]
        if kind == "python":
            self.printed = self._program(text)
        elif kind == "text":
            text = self.printed
        elif text.startswith("HTTP/1.1"):
            text = shown(self.exchanges[-1].answer, options(info))
        else:
            self.exchanges.append(self._request(text))
        return f"```{kind}{f' {info}' if info else ''}\n{self._as_in_guide(text)}```"

    def _as_in_guide(self, text: str) -> str:
        """The text with the guide's names in place of the values of this run."""
        for name, place in self.places.items():
            text = text.replace(place, name)
        return text

    def _real(self, text: str) -> str:
        for name, place in self.places.items():
            text = text.replace(name, place)
        return text

    def _request(self, text: str) -> Exchange:
        self.between()
        found = REQUEST.match(text)
        assert found, f"This is no request:\n{text}"
        headers = dict(line.split(": ", 1) for line in self._real(found["headers"]).splitlines())
        body = (found["body"] or "").strip().encode()
        if body:
            headers.setdefault("Content-Type", "application/json")
        url = self._real(found["url"])
        answer = requests.request(found["method"], url, headers=headers, data=body or None, timeout=30)
        return Exchange(found["method"], found["url"], answer)

    def _program(self, text: str) -> str:
        self.between()
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(self._real(text), "<guide>", "exec"), self.names)
        return settled(output.getvalue())


def options(info: str | None) -> dict[str, list[str]]:
    """What an answer's info string asks for."""
    pairs = (word.partition("=") for word in (info or "").split())
    return {name: value.split(",") for name, _, value in pairs}


def shown(answer: requests.Response, wanted: Mapping[str, list[str]]) -> str:
    """An answer as the guide shows it."""
    # Without the words of the status: they differ from one Python to the next.
    lines = [f"HTTP/1.1 {answer.status_code}"]
    lines += [f"{name}: {answer.headers[name]}" for name in wanted.get("headers", ())]
    if "json" not in answer.headers["Content-Type"]:
        return "\n".join(lines) + "\n"
    document = narrowed(answer.json(), tree(wanted.get("show", ())))
    return settled("\n".join([*lines, "", written(document)]) + "\n")


def settled(text: str) -> str:
    """What is random, such as an event's id and hash, in one form."""
    for pattern, replacement in _MADE_UP:
        text = pattern.sub(replacement, text)
    return text


def tree(paths: Iterator[str] | list[str] | tuple[str, ...]) -> Tree:
    """Dotted paths as nested keys; empty for all."""
    found: Tree = {}
    for path in paths:
        level = found
        for key in path.split("."):
            level = level.setdefault(key, {})
    return found


def narrowed(value: Any, wanted: Tree) -> Any:
    """The wanted members of a document, with a mark where others are left out."""
    if not wanted:
        return value
    if isinstance(value, list):
        return [narrowed(item, wanted) for item in value]
    if not isinstance(value, dict):
        return value
    given = {key.partition(":")[0]: (key.partition(":")[2], inner) for key, inner in wanted.items()}
    assert given.keys() <= value.keys(), f"{given.keys() - value.keys()} are not in {sorted(value)}"
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if key in given:
            count, inner = given[key]
            kept[key] = _first(narrowed(item, inner), count)
        elif not next(reversed(kept), "").startswith(ELIDED):
            kept[ELIDED + key] = None
    return kept


def _first(items: Any, count: str) -> Any:
    if not count or len(items) <= int(count):
        return items
    return [*items[: int(count)], {ELIDED: None}] if int(count) else [{ELIDED: None}]


def written(value: Any, depth: int = 0, before: int = 0) -> str:
    """JSON for a reader: in one line what fits into one, the rest indented. ``before`` is what its line has."""
    if isinstance(value, dict) and list(value) == [ELIDED]:
        return ELIDED
    if not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    parts = list(_parts(value, depth))
    line = opening + ", ".join(parts) + closing
    if "\n" not in line and len(line) + before + 2 * depth <= _WIDTH:
        return line
    indent = "\n" + "  " * (depth + 1)
    return opening + indent + ("," + indent).join(parts) + "\n" + "  " * depth + closing


def _parts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, list):
        yield from (written(item, depth + 1) for item in value)
        return
    for key, item in value.items():
        if key.startswith(ELIDED):
            yield ELIDED
        else:
            name = json.dumps(key, ensure_ascii=False) + ": "
            yield name + written(item, depth + 1, len(name))
