"""``make bench``: every row of the targets, measured side by side in one run, as one table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import executor_rows, matcher_rows
from tests.benchmarks.harness import Row, machine

RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Run the requested benchmarks, print the table, and store the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("matcher", "executor"), help="measure one service")
    parser.add_argument("--quick", action="store_true", help="smaller catalogues and a shorter log")
    options = parser.parse_args()
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"Measuring on {machine()}; this takes some minutes.", file=sys.stderr)
    rows = list(_rows(options.only, options.quick))
    print(_table(rows, date))
    RESULTS.mkdir(exist_ok=True)
    kept = {"date": date, "machine": machine(), "rows": [asdict(row) for row in rows]}
    (RESULTS / f"{date}.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def _rows(only: str | None, quick: bool) -> Iterator[Row]:
    if only != "executor":
        yield from matcher_rows.core_rows((100, 1_000, 10_000) if quick else matcher_rows.SIZES)
        yield matcher_rows.memory_row(10_000 if quick else 100_000)
        yield from matcher_rows.service_rows()
    if only != "matcher":
        yield from executor_rows.rows(quick)


def _table(rows: list[Row], date: str) -> str:
    lines = [
        f"{date}, {machine()}",
        "",
        "| what | against | result | spread | target | measured |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        sign = "≥" if row.better == "high" else "≤"
        mark = "✓" if row.is_met else "✗"
        lines.append(
            f"| {row.what} | {row.against} | {mark} {_figure(row.ratio)} {row.unit} "
            f"| {_figure(row.low)} to {_figure(row.high)} | {sign} {_figure(row.target)} | {row.measured} |"
        )
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
