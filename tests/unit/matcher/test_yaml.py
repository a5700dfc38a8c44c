"""YAML files are read into values no larger than a file of their kind has reason to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from matcher.authoring.files import UnusableFile, read_yaml

DOUBLING = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 6))
MERGING = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 6)
)


@pytest.mark.parametrize("text", [DOUBLING, "a: &a [*a]\n", MERGING], ids=["doubling", "recursive", "merging"])
def test_aliases_that_expand_without_bound_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "cases.yaml").write_text(text)
    with pytest.raises(UnusableFile) as raised:
        read_yaml(tmp_path / "cases.yaml")
    assert [each.finding.code for each in raised.value.findings] == ["unusable_file"]


def test_ordinary_aliases_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text("base: &b {x: 1}\nlist: [*b, *b]\nmore: {<<: *b, y: 2}\n")
    base = {"x": 1}
    assert read_yaml(tmp_path / "cases.yaml") == {"base": base, "list": [base, base], "more": {"x": 1, "y": 2}}
