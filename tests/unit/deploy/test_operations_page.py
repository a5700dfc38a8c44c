"""The tables of the operations page are what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from math import isfinite

from prometheus_client.metrics import MetricWrapperBase
from tests.support.processes import ROOT

from sentinai import telemetry
from sentinai.settings import Settings, variable

PAGE = (ROOT / "docs" / "operations.md").read_text()


def rows_after(heading: str) -> Iterator[list[str]]:
    """The cells of the first table under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = re.search(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    assert table
    for line in table[0].splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_of_settings_is_complete_and_right() -> None:
    expected = []
    for field in fields(Settings):
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        meaning = field.metadata["meaning"]
        if field.metadata["choices"]:
            meaning += "; one of " + ", ".join(f"`{choice}`" for choice in field.metadata["choices"])
        if field.metadata["least"] is not None:
            meaning += f"; at least {field.metadata['least']}"
        if isfinite(field.metadata["most"]):
            meaning += f"; at most {field.metadata['most']}"
        expected.append([f"`{variable(field)}`", f"`{default}`" if default != "" else "—", meaning])
    assert list(rows_after("Settings")) == expected


def test_the_table_of_metrics_is_complete_and_right() -> None:
    expected = []
    for metric in vars(telemetry).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            says = f"{family.documentation}, by {labels}" if labels else family.documentation
            expected.append([f"`{name}`", family.type, says])
    assert sorted(rows_after("Metrics")) == sorted(expected)


def test_every_alert_has_a_line_and_every_recipe_that_is_named_is_there() -> None:
    alerts = set(re.findall(r"alert: (\w+)", (ROOT / "deploy" / "alerts.yaml").read_text()))
    assert alerts == set(re.findall(r"`(Sentinai\w+)`", PAGE))
    headings = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors
