from __future__ import annotations

import pytest

from streamproc import errors
from streamproc.errors import ConfigError, EventError, Problem, RetryableError, StreamprocError


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("rules.yaml", "rules[2].operator", "no such operator", 7),
         "rules.yaml:7: rules[2].operator: no such operator"),
        (Problem("own.toml", "kafka.brokers", "input should be a valid string"),
         "own.toml: kafka.brokers: input should be a valid string"),
        (Problem("rules.yaml", "", "is not YAML", 3), "rules.yaml:3: is not YAML"),
        (Problem("none.toml", "", "cannot be read"), "none.toml: cannot be read"),
    ],
)  # fmt: skip
def test_a_problem_is_written_as_file_line_path_and_message(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_a_config_error_has_a_line_for_each_problem() -> None:
    problems = [Problem("a", "x", "is wrong"), Problem("b", "", "is missing")]

    error = ConfigError(*problems)

    assert list(error.problems) == problems
    assert str(error) == "a: x: is wrong\nb: is missing"


@pytest.mark.parametrize(
    ("path", "text"), [("", "decode: not_json"), ("context.ip", "decode: not_json at context.ip")]
)
def test_an_event_error_says_stage_code_and_path(path: str, text: str) -> None:
    error = EventError("decode", "not_json", path)

    assert (error.stage, error.code, error.path) == ("decode", "not_json", path)
    assert str(error) == text


@pytest.mark.parametrize("kind", [ConfigError, EventError, RetryableError])
def test_every_error_of_ours_has_the_same_root(kind: type[Exception]) -> None:
    assert issubclass(kind, StreamprocError)


def test_every_exception_of_the_module_stands_in_the_tree_of_its_docstring() -> None:
    own = [
        name
        for name in errors.__all__
        if isinstance(kind := getattr(errors, name), type) and issubclass(kind, Exception)
    ]

    assert errors.__doc__
    assert all(name in errors.__doc__ for name in own)
