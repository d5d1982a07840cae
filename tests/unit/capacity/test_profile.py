from pathlib import Path

import pytest

from streamproc.capacity import SHIPPED, read_profile
from streamproc.errors import ConfigError


def test_a_profile_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text(SHIPPED.model_dump_json())
    assert read_profile(file) == SHIPPED


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"per_second": 1}'])
def test_a_file_that_is_no_profile_is_told_with_what_makes_one(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bench.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_profile(file)
    assert "streamproc bench --output" in str(raised.value)
    assert str(file) in str(raised.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_profile(tmp_path / "missing.json")
