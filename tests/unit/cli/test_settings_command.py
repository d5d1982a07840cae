from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.settings import setting_names, variable_name

SECRET = "secret-of-nobody"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a settings file, and a variable."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "streamproc.toml").write_text('[topics]\nraw = "own.raw"\n')
    monkeypatch.setenv("STREAMPROC_KEYS_RING", SECRET)
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["settings", *arguments])
    assert result.exit_code == 0, result.output
    return result


def test_the_table_has_a_line_for_every_setting_with_its_variable() -> None:
    heading, *lines = run().stdout.splitlines()

    assert heading.split() == ["Setting", "Value", "Source", "Variable"]
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        (f"{section}.{name}", variable_name(section, name)) for section, name in setting_names()
    ]


def test_the_table_says_where_each_value_came_from() -> None:
    found = {line.split()[0]: line.split()[1:-1] for line in run().stdout.splitlines()}

    assert found["topics.raw"] == ["own.raw", "streamproc.toml"]
    assert found["topics.load"] == ["warehouse.load", "default"]
    assert found["keys.ring"] == ["***", "STREAMPROC_KEYS_RING"]
    assert found["keys.file"] == ["default"]  # no value


def test_json_has_value_and_source_of_every_setting() -> None:
    found = json.loads(run("--json").stdout)

    assert list(found) == [f"{section}.{name}" for section, name in setting_names()]
    assert found["topics.raw"] == {"value": "own.raw", "source": "streamproc.toml"}
    assert found["worker.batch_records"] == {"value": 500, "source": "default"}
    assert found["keys.file"] == {"value": None, "source": "default"}
    assert found["keys.ring"] == {"value": "***", "source": "STREAMPROC_KEYS_RING"}


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_no_secret_is_printed(arguments: tuple[str, ...]) -> None:
    assert SECRET not in run(*arguments).output
