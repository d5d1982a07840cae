"""From files of recognizers to definitions: every problem of every file at once, with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import regex
from pydantic import ValidationError

from streamproc.detect.definitions import Custom, Definition, Predefined, WrittenPattern
from streamproc.errors import ConfigError, Problem
from streamproc.rules.document import (
    Document,
    Location,
    explained,
    read_text,
    refuse_misnamed,
)
from streamproc.rules.operators import Statement
from streamproc.rules.presidio import PREDEFINED
from streamproc.rules.recognizers import (
    LANGUAGE,
    LANGUAGE_MODEL,
    LanguageStatement,
    PatternStatement,
    RecognizerFile,
    RecognizerStatement,
)

__all__ = ["Recognizers", "load_recognizers", "parse_recognizers"]


@dataclass(frozen=True)
class Recognizers:
    """The recognizers of a folder.

    Attributes:
        definitions: All of them, by name.
        groups: By the name of each file, the entities of its recognizers.
    """

    definitions: tuple[Definition, ...] = ()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def entities(self) -> frozenset[str]:
        """What they find."""
        return frozenset().union(*map(_entities_of, self.definitions))

    def finding(self, entities: frozenset[str]) -> tuple[Definition, ...]:
        """Return those that find any of ``entities``."""
        return tuple(found for found in self.definitions if entities & _entities_of(found))


def load_recognizers(*folders: Path) -> Recognizers:
    """Return the recognizers of the ``*.yaml`` files of ``folders``; one may be missing.

    Of two files of one name, the one of the earlier folder counts.

    Raises:
        ConfigError: With every problem of every file.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        refuse_misnamed(folder)
        for file in sorted(folder.glob("*.yaml")):
            files.setdefault(file.stem, file)
    return parse_recognizers({file: read_text(file) for file in files.values()})


def parse_recognizers(texts: Mapping[Path, str]) -> Recognizers:
    """Return the recognizers of files, by their paths, which need not be there.

    Raises:
        ConfigError: With every problem of every file.
    """
    definitions: dict[str, Definition] = {}
    groups: dict[str, frozenset[str]] = {}
    problems: list[Problem] = []
    for file, text in sorted(texts.items()):
        try:
            document = Document.parse(text, str(file))
            found = _read(document)
        except ConfigError as error:
            problems += error.problems
            continue
        problems += _taken(document, found, definitions)
        definitions |= {definition.name: definition for definition in found.values()}
        groups[file.stem] = frozenset().union(*map(_entities_of, found.values()))
        if not _GROUP.fullmatch(file.stem):
            problems.append(Problem(str(file), "", "expected a name such as secrets.yaml"))
    if problems:
        raise ConfigError(*problems)
    return Recognizers(tuple(definitions[name] for name in sorted(definitions)), groups)


_GROUP = regex.compile(r"(?!default$)[a-z][a-z0-9_]{0,63}")
"""``default`` is a key of the ruleset's operators already."""


def _read(document: Document) -> dict[int, Definition]:
    """Return the definitions of a file, by their index in it; what is left out has none."""
    try:
        file = RecognizerFile.model_validate(document.content)
    except ValidationError as error:
        raise ConfigError(*document.problems(error, _explained)) from None
    defined = {
        index: _definition(statement, file)
        for index, statement in enumerate(file.recognizers)
        if statement.enabled
    }
    return {index: definition for index, definition in defined.items() if definition}


def _definition(statement: RecognizerStatement, file: RecognizerFile) -> Definition | None:
    languages = statement.languages(file.supported_languages)
    if LANGUAGE not in languages or statement.recognizer == LANGUAGE_MODEL:
        return None
    context = languages[LANGUAGE]
    thresholds = tuple(sorted(statement.score_thresholds.items()))
    if statement.predefined:
        return Predefined(
            name=statement.name,
            recognizer=statement.recognizer,
            context=context,
            entities=statement.entities,
            flags=file.global_regex_flags,
            score_thresholds=thresholds,
        )
    flags = file.global_regex_flags
    return Custom(
        name=statement.name,
        entity=statement.entities[0],
        patterns=tuple(WrittenPattern(p.name, p.regex, p.score) for p in statement.patterns),
        deny_list=statement.deny_list,
        deny_list_score=statement.deny_list_score,
        context=context or (),
        flags=flags & ~int(regex.IGNORECASE) if statement.case_sensitive else flags,
        checksum=statement.checksum,
        minimum_entropy=statement.minimum_entropy,
        score_thresholds=thresholds,
    )


def _taken(
    document: Document, found: Mapping[int, Definition], before: Mapping[str, Definition]
) -> Iterator[Problem]:
    """Yield a problem for each name that another recognizer has."""
    names = set(before)
    for index, definition in found.items():
        if definition.name in names:
            location = ("recognizers", index, "name")
            yield document.problem(location, f"{definition.name} is another recognizer's name too")
        names.add(definition.name)


def _entities_of(definition: Definition) -> frozenset[str]:
    if isinstance(definition, Custom):
        return frozenset({definition.entity})
    return frozenset(definition.entities or (PREDEFINED[definition.recognizer],))


def _explained(item: Any) -> str:
    return explained(item, _keys_at(item["loc"]))


def _keys_at(location: Location) -> Iterable[str]:
    model: type[Statement] = RecognizerFile
    if "patterns" in location:
        model = PatternStatement
    elif "supported_languages" in location[1:]:
        model = LanguageStatement
    elif len(location) > 1:
        model = RecognizerStatement
    return model.model_fields
