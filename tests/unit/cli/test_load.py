from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from processes import running

from streamproc.cli import main

pytestmark = pytest.mark.usefixtures("own_logging")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder; signals as they were, afterwards."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


def load(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["load", *arguments])


@pytest.mark.parametrize(
    "options",
    [("--once", "--plan"), ("--once", "--until-caught-up"), ("--plan", "--until-caught-up")],
)
def test_ways_to_run_exclude_each_other(options: tuple[str, str]) -> None:
    result = load(*options)
    assert result.exit_code == 2
    assert "exclude each other" in result.output


def test_who_is_to_be_deleted_is_named_by_tokens_and_nothing_else_is_told() -> None:
    token = "tok_k1_" + "a" * 32
    result = load("delete", "--token", token, "--token", "ada@example.com", "--receipt", "case 7")
    assert result.exit_code == 2
    assert "1 of 2 is none" in result.output
    assert "ada" not in result.output


def test_a_deletion_needs_a_receipt() -> None:
    result = load("delete", "--token", "tok_k1_" + "a" * 32)
    assert result.exit_code == 2
    assert "--receipt" in result.output


def test_all_that_is_wrong_with_a_deletion_is_told_at_once() -> None:
    result = load("delete", "--token", "x", "--receipt", " ", "--until", "2999-01-01")
    assert result.exit_code == 2
    assert "3 problems" in result.output
    assert "--receipt: expected a text" in result.output
    assert "--until: expected a moment that has been" in result.output


@pytest.mark.parametrize("arguments", [(), ("--plan",), ("status",)])
def test_a_warehouse_in_no_folder_is_told(
    folder: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "missing" / "warehouse.duckdb"
    monkeypatch.setenv("STREAMPROC_LOADER_DUCKDB_FILE", str(file))
    result = load(*arguments)
    assert result.exit_code == 2
    assert f"{file}: its folder does not exist" in result.output


def test_who_is_interrupted_before_all_is_loaded_does_not_say_that_it_is() -> None:
    environment = {
        "STREAMPROC_LOADER_SINK": "postgres",
        "STREAMPROC_LOADER_POSTGRES_URL": "postgresql://127.0.0.1:1/nowhere",
    }
    command = ["-m", "streamproc", "load", "--until-caught-up"]
    with running(command, environment) as loader:
        loader.wait_for("warehouse is waited for")
        assert loader.stop() == 1
    assert "Interrupted: there may be more to load." in loader.output()


def test_a_spool_in_no_folder_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_LOADER_SPOOL_DIRECTORY", str(folder / "missing"))
    result = load()
    assert result.exit_code == 2
    assert "is no folder to spool in" in result.output
