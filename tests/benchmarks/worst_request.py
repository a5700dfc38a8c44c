"""A search for the costliest request: it climbs over requests to the matcher towards the most processor time.

Every request that is accepted must be bounded, whoever sends it; this looks for one that is not, for as long as it
is given. Afterwards it sends varied repeats of the worst it found, and says how much memory they left behind.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import secrets
import sys
import tempfile
import time
import tracemalloc
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.databases import new_database
from werkzeug.test import Client

from matcher.app import create_app
from sentinai.identity import mint_token
from sentinai.settings import Settings

A, B = {"var": "exception.normalized_context.a"}, {"var": "exception.normalized_context.b"}
_CURRENT = {"merge": [{"var": "current"}, {"var": "accumulator"}]}
CLAUSES: dict[str, Any] = {
    "missing": {"!": {"missing": A}},
    "missing_some": {"!": {"missing_some": [10**6, A]}},
    "==": {"!=": [B, A]},
    "in a list": {"in": [[B], A]},
    "in a text": {"in": ["aaab", B]},
    "<=": {"!": {"<=": [B, A]}},
    "glob": {"!": {"glob": [B, {"cat": ["*", B, "?x*"]}]}},
    "fixed glob": {"glob": [B, "*a*a*a*a*a*b"]},
    "merge": {"!": {"merge": [A, A]}},
    "cat": {"!": {"cat": [A, B]}},
    "substr": {"!": {"substr": [B, 1, -1]}},
    "reduce": {"!": {"reduce": [A, {"missing": _CURRENT}, []]}},
    "some": {"some": [A, {"==": [{"var": ""}, [1, 2, 3]]}]},
    "map": {"!": {"map": [A, {"cat": [{"var": ""}, "x"]}]}},
    "filter": {"!": {"filter": [A, {"in": [{"var": ""}, B]}]}},
    "whole": {"==": [{"var": ""}, 1]},
    "indexed": {"==": [B, "other"]},
}
ITEMS: tuple[Any, ...] = (1, "", "x", "long name" * 8, [1, 2], {"k": [1]}, None, 1.5)
_LARGEST_CONTEXT = 60_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request: rules of one family with the data that they read, in so many playbooks and tag rules."""

    clause: str
    copies: int = 4
    playbooks: int = 10
    clauses: int = 1
    tag_rules: int = 0
    items: int = 50
    characters: int = 50
    item: int = 0
    limit: int = 5
    near_misses: int = 3
    steps: int = 0

    def body(self, salt: int = 0) -> dict[str, Any]:
        """The request; another ``salt`` gives another of the same cost."""
        item = ITEMS[self.item]
        count = min(self.items, _LARGEST_CONTEXT // (len(json.dumps(item)) + 1))
        text = "a" * min(self.characters, max(0, _LARGEST_CONTEXT - count * (len(json.dumps(item)) + 1)))
        exception = {
            "exception_id": f"E-{salt}",
            "severity": "high",
            "normalized_context": {"a": [item] * count, "b": text, "salt": salt},
        }
        policy_pack = {"tags": [], "tag_rules": [self._tag_rule(index, salt) for index in range(self.tag_rules)]}
        playbooks = [self._playbook(index, salt) for index in range(1, self.playbooks + 1)]
        options = {"limit": self.limit, "near_misses": self.near_misses}
        return {
            "exception": exception,
            "domain_pack": {},
            "policy_pack": policy_pack,
            "playbooks": playbooks,
            **options,
        }

    def _rule(self, index: int, salt: int) -> Any:
        clause = CLAUSES[self.clause]
        several = {"or": [{"and": [clause, False]}] * self.copies} if self.copies > 1 else clause
        return {"or": [several, {"===": [{"var": "exception.amount"}, index * 1_000 + salt]}]}

    def _tag_rule(self, index: int, salt: int) -> dict[str, Any]:
        return {"tag": f"t{index}", "when": {"logic": self._rule(index, salt)}}

    def _playbook(self, index: int, salt: int) -> dict[str, Any]:
        rules = [self._rule(index * 50 + number, salt) for number in range(self.clauses)]
        step = {"name": "S", "action_type": "notify", "params": {"channel": "log", "message": "m"}}
        found: dict[str, Any] = {"playbook_id": index, "name": f"P{index}", "version": 1}
        found["conditions"] = {"logic": {"and": rules}}
        return found | ({"steps": [step] * self.steps} if self.steps else {})

    def mutated(self, source: random.Random) -> Candidate:
        """A neighbour: one or two dimensions are larger, smaller, or another."""
        found = self
        for _ in range(source.choice((1, 1, 2))):
            name, most = source.choice(_DIMENSIONS)
            if name in ("clause", "item"):
                value: Any = source.choice(tuple(CLAUSES) if name == "clause" else range(len(ITEMS)))
            else:
                least = 0 if name in ("tag_rules", "steps", "near_misses", "items") else 1
                value = max(
                    least, min(most, int(getattr(found, name) * source.choice((0.5, 0.8, 1.3, 2, 4))) + least)
                )
                value = source.choice((value, value, source.randint(least, most)))
            found = replace(found, **{name: value})
        return found


_DIMENSIONS = (
    ("clause", 0),
    ("item", 0),
    ("copies", 60),
    ("playbooks", 1_000),
    ("clauses", 20),
    ("tag_rules", 60),
    ("items", 30_000),
    ("characters", 60_000),
    ("limit", 100),
    ("near_misses", 100),
    ("steps", 100),
)


class Matcher:
    """The matcher in this process, whose processor time is that of a request."""

    def __init__(self, folder: Path) -> None:
        key = folder / "signing.key"
        key.write_text(secrets.token_urlsafe(48))
        settings = Settings(
            database_url=new_database("sqlite", folder), jwt_key_file=str(key), log_level="CRITICAL"
        )
        token = mint_token(settings, subject="search", tenant_id="t", roles=["viewer"], actor_type="human")
        self._client = Client(create_app(settings))
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(self, body: bytes) -> tuple[float, int]:
        """The processor time of a request, and the status of its answer."""
        start = time.process_time()
        answer = self._client.post("/api/match", data=body, headers=self._headers)
        return time.process_time() - start, answer.status_code

    def cost(self, candidate: Candidate) -> tuple[float, int]:
        """The least of five tries, and the status; the four others only if the first is worth it."""
        body = json.dumps(candidate.body()).encode()
        first, status = self.send(body)
        if first < 0.05:
            return first, status
        return min(first, *(self.send(body)[0] for _ in range(4))), status


def search(matcher: Matcher, minutes: float, seed: int) -> list[tuple[float, int, Candidate]]:
    """The worst candidates found, the costliest first; it starts again from each clause in turn."""
    source, end = random.Random(seed), time.monotonic() + minutes * 60
    found: list[tuple[float, int, Candidate]] = []
    starts = list(CLAUSES)
    while time.monotonic() < end:
        best = Candidate(source.choice(starts)).mutated(source)
        most, status = matcher.cost(best)
        failures = 0
        while failures < 40 and time.monotonic() < end:
            other = best.mutated(source)
            seconds, answered = matcher.cost(other)
            assert answered in (200, 413, 422), (answered, other)
            failures += 1
            if seconds > most:
                best, most, status, failures = other, seconds, answered, 0
        found.append((most, status, best))
        print(f"{most:.3f} s, {status}: {best}", file=sys.stderr, flush=True)
    return sorted(found, key=lambda each: each[0], reverse=True)


def memory_kept(matcher: Matcher, candidate: Candidate, repeats: int) -> tuple[int, int]:
    """The bytes that the first and the second half of varied repeats leave behind."""
    tracemalloc.start()
    kept = []
    for half in range(3):
        for salt in range(repeats // 2):
            matcher.send(json.dumps(candidate.body(salt=1 + half * repeats + salt)).encode())
        gc.collect()
        kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return kept[1] - kept[0], kept[2] - kept[1]


def main() -> None:
    """Search, and print the worst found and the memory that repeats of it keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        matcher = Matcher(Path(folder))
        matcher.cost(Candidate("missing"))
        found = search(matcher, options.minutes, options.seed)
        for seconds, status, candidate in found[:10]:
            print(f"{seconds:.3f} s, {status}: {json.dumps(asdict(candidate))}")
        small = replace(found[0][2], playbooks=min(found[0][2].playbooks, 20))
        kept = memory_kept(matcher, small, options.repeats)
        print(f"bytes kept by {options.repeats // 2} varied repeats, and by as many more: {kept}")


if __name__ == "__main__":
    main()
