from __future__ import annotations

from pathlib import Path

import pytest

import streamproc
from streamproc import shipped as module
from streamproc.shipped import shipped


@pytest.mark.parametrize(
    "name", ["rules", "rules/default.yaml", "schemas/row.avsc", "schemas/link.avsc"]
)
def test_what_is_shipped_is_found_in_a_checkout(name: str) -> None:
    assert shipped(name) == Path(streamproc.__file__).parent.parent / name


def test_a_wheel_s_own_copy_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "streamproc" / "_shipped" / "rules" / "default.yaml"
    beside = tmp_path / "rules" / "default.yaml"
    for file in (copy, beside):
        file.parent.mkdir(parents=True)
        file.touch()
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "streamproc")

    assert shipped("rules/default.yaml") == copy


def test_what_is_missing_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"^rules/none\.yaml is missing from this"):
        shipped("rules/none.yaml")
