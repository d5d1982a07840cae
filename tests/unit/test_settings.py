from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from streamproc.errors import ConfigError
from streamproc.settings import (
    Effective,
    Settings,
    cache_directory,
    load_settings,
    setting_names,
    variable_name,
)

SECRET = "secret-of-nobody"
UNITS = ("_seconds", "_hours", "_bytes", "_characters", "_records", "_rows", "_entries")
COUNTS = {
    "canary.people",
    "loader.columns",
    "loader.flatten_depth",
    "snowflake.credits_per_hour",
    "snowflake.port",
    "topics.partitions",
    "topics.replication",
    "detect.processes",
    "limits.depth",
    "worker.retries",
    "rules.signed_offset",
    "traces.ratio",
    "worker.hot_key_share",
}
"""Numbers whose name is what is counted."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: no settings file of somebody else's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str | None = None, **variables: str) -> Effective:
    file = Path("own.toml")
    if text is not None:
        file.write_text(text)
    return load_settings(None if text is None else file, variables)


def problems(text: str | None = None, **variables: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **variables)
    return str(caught.value).splitlines()


def field(section: str, name: str) -> FieldInfo:
    section_type = Settings.model_fields[section].annotation
    found: FieldInfo = section_type.model_fields[name]  # type: ignore[union-attr]
    return found


def test_without_file_and_variables_everything_is_the_default() -> None:
    effective = load()

    assert effective.settings == Settings()
    assert effective.sources == {}
    assert effective.settings.kafka.brokers == "127.0.0.1:9092"


def test_the_file_wins_over_the_default_and_a_variable_over_both() -> None:
    text = '[topics]\nraw = "file.raw"\nload = "file.load"\n'

    effective = load(text, STREAMPROC_TOPICS_LOAD="variable.load", HOME="/somewhere")

    topics = effective.settings.topics
    assert (topics.raw, topics.load, topics.dead) == ("file.raw", "variable.load", "events.dead")
    assert effective.sources == {
        "topics.raw": "own.toml",
        "topics.load": "STREAMPROC_TOPICS_LOAD",
    }


def test_the_file_in_the_working_folder_is_read_when_none_is_named(folder: Path) -> None:
    (folder / "streamproc.toml").write_text("[worker]\nretries = 5\n")

    effective = load_settings(None, {})

    assert effective.settings.worker.retries == 5
    assert effective.sources == {"worker.retries": "streamproc.toml"}


def test_variables_are_those_of_the_process_when_none_are_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAMPROC_WORKER_RETRIES", "5")

    assert load_settings().settings.worker.retries == 5


def test_a_variable_is_read_as_the_type_of_its_setting() -> None:
    worker = load(
        STREAMPROC_WORKER_BATCH_RECORDS="10",
        STREAMPROC_WORKER_COMMIT_INTERVAL_SECONDS="0.5",
        STREAMPROC_WORKER_DIRECTORY="/var/cache/streamproc",
    ).settings.worker

    assert (worker.batch_records, worker.commit_interval_seconds) == (10, 0.5)
    assert worker.directory == Path("/var/cache/streamproc")


NOT_A_NUMBER = "expected a whole number"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (
            "[kafka]\nbroker = 'a:1'",
            "kafka.broker",
            "no such setting; did you mean kafka.brokers?",
        ),
        ("[kafak]\nbrokers = 'a:1'", "kafak", "no such setting; did you mean kafka?"),
        ("colour = 'red'", "colour", "no such setting"),
        ("kafka = 'a:1'", "kafka", "expected a table"),
        ("[worker]\nretries = 'many'", "worker.retries", NOT_A_NUMBER),
        (
            "[worker]\nretries = 0",
            "worker.retries",
            "expected 1 or more",
        ),
        (
            "[worker]\nshutdown_seconds = inf",
            "worker.shutdown_seconds",
            "expected 3600 or less",
        ),
        (
            "[kafka]\nsession_timeout_seconds = 0.0001",
            "kafka.session_timeout_seconds",
            "expected 0.01 or more",
        ),
        (
            "[log]\nlevel = 'LOUD'",
            "log.level",
            "expected 'DEBUG', 'INFO', 'WARNING' or 'ERROR'",
        ),
        (
            "[keys]\nring = 5",
            "keys.ring",
            "expected a text (in quotes where it looks like something else)",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_file_path_and_expectation(
    text: str, path: str, expected: str
) -> None:
    assert problems(text) == [f"own.toml: {path}: {expected}"]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (
            "STREAMPROC_WORKER_RETRYS",
            "no such setting; did you mean STREAMPROC_WORKER_RETRIES?",
        ),
        ("STREAMPROC_X", "no such setting"),
        ("STREAMPROC_WORKER_RETRIES", NOT_A_NUMBER),
    ],
)
def test_what_is_wrong_in_a_variable_is_told_with_its_name_and_expectation(
    variable: str, expected: str
) -> None:
    assert problems(**{variable: SECRET}) == [f"environment: {variable}: {expected}"]


def test_variables_of_the_test_suite_are_no_settings() -> None:
    assert load(STREAMPROC_TEST_KAFKA="127.0.0.1:9092").settings == Settings()


def test_every_problem_is_told_at_once() -> None:
    found = problems("[kafka]\nbroker = 'a'\n[worker]\nretries = 0\n", STREAMPROC_X="1")

    assert [line.split(": ")[1] for line in found] == [
        "STREAMPROC_X",
        "kafka.broker",
        "worker.retries",
    ]


def test_a_section_that_is_no_table_is_told_even_where_a_variable_sets_something_in_it() -> None:
    assert problems("kafka = 3\n", STREAMPROC_KAFKA_BROKERS="a:1") == [
        "own.toml: kafka: expected a table"
    ]


def test_a_file_that_is_not_toml_is_told_with_its_line() -> None:
    (found,) = problems("[kafka]\nbrokers = \n")

    assert found.startswith("own.toml: is not TOML: ")
    assert "line 2" in found


def test_a_file_that_is_not_text_is_told(folder: Path) -> None:
    (folder / "own.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match=r"^own\.toml: is not UTF-8 text$"):
        load_settings(Path("own.toml"), {})


def test_a_named_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^none\.toml: cannot be read: No such file"):
        load_settings(Path("none.toml"), {})


def test_a_folder_in_place_of_the_file_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory$"):
        load_settings(folder, {})


def test_no_secret_stands_in_a_repr() -> None:
    effective = load(STREAMPROC_KEYS_RING=SECRET)

    assert effective.settings.keys.ring is not None
    assert effective.settings.keys.ring.get_secret_value() == SECRET
    assert SECRET not in repr(effective)
    assert SECRET not in str(effective.settings)


@pytest.mark.parametrize(
    "text",
    [
        f"[keys]\nring = ['{SECRET}']\n",
        f"[keys]\nring = '{SECRET}'\nrung = '{SECRET}'\n",
        f"[keys]\nring = '{SECRET}\n",
        f"[worker]\nretries = '{SECRET}'\n",
    ],
)
def test_no_value_stands_in_a_problem(text: str) -> None:
    assert SECRET not in "\n".join(problems(text))


def test_a_list_is_a_text_with_commas_in_a_variable() -> None:
    found = load(
        "[canary]\nlogs = ['worker.log', 'loader.log']\n",
        STREAMPROC_CANARY_PLACES="prose, url",
        STREAMPROC_CANARY_PAGES="http://127.0.0.1:9464/metrics",
    ).settings.canary
    assert found.logs == ("worker.log", "loader.log")
    assert found.places == ("prose", "url")
    assert found.pages == ("http://127.0.0.1:9464/metrics",)


def test_a_list_is_held_against_what_it_may_hold() -> None:
    (problem,) = problems("[canary]\nplaces = 'prose,nowhere'\n")
    assert "canary.places" in problem
    assert "'prose'" in problem


def test_a_secret_that_could_be_guessed_is_refused() -> None:
    (problem,) = problems(f"[canary]\nsecret = '{SECRET}'\n")
    assert "32 or more characters" in problem


@pytest.mark.parametrize(("section", "name"), list(setting_names()))
def test_every_setting_says_what_it_is_for(section: str, name: str) -> None:
    description = field(section, name).description

    assert description
    assert description.rstrip().endswith(".")
    assert Settings.model_fields[section].annotation.__doc__


@pytest.mark.parametrize(("section", "name"), list(setting_names()))
def test_every_number_names_its_unit_and_has_bounds(section: str, name: str) -> None:
    found = field(section, name)
    if found.annotation in {int, float}:
        assert f"{section}.{name}" in COUNTS or name.endswith(UNITS)
        assert found.metadata, "a number without bounds"


def test_every_variable_is_the_name_of_its_setting_and_no_two_are_the_same() -> None:
    names = list(setting_names())
    variables: Mapping[str, tuple[str, str]] = {variable_name(*name): name for name in names}

    assert len(variables) == len(names)
    assert all(re.fullmatch("STREAMPROC_[A-Z_]+", variable) for variable in variables)
    assert variables["STREAMPROC_DEAD_LETTERS_PUBLIC_KEY"] == ("dead_letters", "public_key")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().kafka.brokers = "elsewhere"


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("[worker]\ndirectory = 'own'\n", {"XDG_CACHE_HOME": "/caches"}, Path("own")),
        ("", {"XDG_CACHE_HOME": "/caches"}, Path("/caches/streamproc")),
        ("", {"XDG_CACHE_HOME": ""}, Path.home() / ".cache/streamproc"),
        ("", {}, Path.home() / ".cache/streamproc"),
    ],
)
def test_compiled_patterns_lie_in_the_worker_s_folder_or_the_user_s_cache(
    text: str, environment: dict[str, str], expected: Path
) -> None:
    assert cache_directory(load(text).settings, environment) == expected
