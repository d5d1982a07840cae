"""Settings read and checked: the file, then the environment, with every problem at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamproc.errors import ConfigError, Problem
from streamproc.expected import expected
from streamproc.settings.section import Section
from streamproc.settings.sections import Settings

__all__ = [
    "ENV_PREFIX",
    "Effective",
    "cache_directory",
    "load_settings",
    "setting_names",
    "variable_name",
]

DEFAULT_FILE = Path("streamproc.toml")
ENV_PREFIX = "STREAMPROC_"
TEST_PREFIX = "STREAMPROC_TEST_"
"""Variables of the test suite, not settings."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings of a process and, by dotted name, where each came from."""

    settings: Settings
    sources: Mapping[str, str]


def cache_directory(settings: Settings, environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder for what can be made again: the worker's, else the user's cache folder.

    The latter as the XDG Base Directory specification has it.
    """
    environment = os.environ if environment is None else environment
    if settings.worker.directory is not None:
        return settings.worker.directory
    caches = environment.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "streamproc"


def setting_names() -> Iterator[tuple[str, str]]:
    """Yield ``(section, setting)`` for every setting, in the order of declaration."""
    for section, section_field in Settings.model_fields.items():
        section_type = section_field.annotation
        assert isinstance(section_type, type)
        assert issubclass(section_type, Section)
        for setting in section_type.model_fields:
            yield section, setting


def variable_name(section: str, setting: str) -> str:
    """Return the environment variable that sets ``section.setting``."""
    return f"{ENV_PREFIX}{section}_{setting}".upper()


def load_settings(
    file: Path | None = None, environment: Mapping[str, str] | None = None
) -> Effective:
    """Return the effective settings.

    Args:
        file: The settings file; ``streamproc.toml`` in the working folder, if there, when None.
        environment: Variables; the process's own when None.

    Raises:
        ConfigError: With every unknown key and every bad value.
    """
    environment = os.environ if environment is None else environment
    found = file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    values: dict[str, Any] = _read_file(found) if found else {}
    sources = {
        f"{section}.{setting}": str(found)
        for section, table in values.items()
        if isinstance(table, dict)
        for setting in table
    }
    problems: list[Problem] = []
    for name, value in _read_environment(environment, problems).items():
        section, setting = name
        table = values.setdefault(section, {})
        if isinstance(table, dict):
            table[setting] = value
            sources[f"{section}.{setting}"] = variable_name(section, setting)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_problem(item, sources, found) for item in error.errors()]
    if problems:
        raise ConfigError(*problems)
    return Effective(settings, sources)


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise ConfigError(Problem(str(file), "", "is not UTF-8 text")) from None
    except tomllib.TOMLDecodeError as error:
        # The message names line and column; it quotes at most the one character it stumbled on.
        raise ConfigError(Problem(str(file), "", f"is not TOML: {error}")) from None


def _read_environment(
    environment: Mapping[str, str], problems: list[Problem]
) -> dict[tuple[str, str], str]:
    known = {variable_name(*name): name for name in setting_names()}
    read = {}
    for variable, value in environment.items():
        if variable in known:
            read[known[variable]] = value
        elif variable.startswith(ENV_PREFIX) and not variable.startswith(TEST_PREFIX):
            # Without the prefix, which makes any two of them alike.
            rests = [name.removeprefix(ENV_PREFIX) for name in known]
            near = difflib.get_close_matches(variable.removeprefix(ENV_PREFIX), rests, n=1)
            hint = f"; did you mean {ENV_PREFIX}{near[0]}?" if near else ""
            problems.append(Problem("environment", variable, f"no such setting{hint}"))
    return read


def _problem(item: Any, sources: Mapping[str, str], file: Path | None) -> Problem:
    path = ".".join(str(step) for step in item["loc"])
    source = sources.get(".".join(str(step) for step in item["loc"][:2]), str(file))
    if source.startswith(ENV_PREFIX):
        return Problem("environment", source, _expected(item))
    if item["type"] == "extra_forbidden":
        names = [f"{section}.{setting}" for section, setting in setting_names()]
        near = difflib.get_close_matches(path, [*names, *Settings.model_fields], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return Problem(source, path, f"no such setting{hint}")
    return Problem(source, path, _expected(item))


def _expected(item: Any) -> str:
    if item["type"] == "model_type":
        return "expected a table"
    return expected(item)
