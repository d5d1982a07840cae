from pathlib import Path

import pytest
from commands import run

from streamproc.settings import Settings, load_settings, variable_name

PROCESSES = variable_name("worker", "processes")


@pytest.mark.parametrize("asked", ["0", "-1", "many", "1.5"])
def test_a_number_of_processes_that_is_none_is_refused(tmp_path: Path, asked: str) -> None:
    refused = run({}, tmp_path, "worker", "--processes", asked)
    assert refused.returncode == 2
    assert "--processes" in refused.stderr.decode()


def test_what_is_wrong_with_files_is_told_once_before_any_process_starts(tmp_path: Path) -> None:
    refused = run({}, tmp_path, "worker", "--processes", "3")
    assert refused.returncode == 2
    told = refused.stderr.decode()
    assert told.count("no key ring is configured") == 1
    assert "process started" not in told


@pytest.mark.parametrize(("said", "expected"), [("4", 4), ("auto", "auto")])
def test_the_setting_takes_a_number_or_auto(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, expected: int | str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PROCESSES, said)
    assert load_settings(None).settings.worker.processes == expected
    assert Settings().worker.processes == 1
