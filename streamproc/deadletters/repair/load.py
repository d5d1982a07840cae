"""From a YAML file to repairs: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streamproc.deadletters.causes import CAUSES
from streamproc.deadletters.repair.language import Repairs
from streamproc.errors import ConfigError, Problem
from streamproc.rules.document import Document, nearest, read_text
from streamproc.rules.models import in_order, validated

__all__ = ["load_repairs", "parse_repairs"]


def load_repairs(file: Path) -> Repairs:
    """Return the repairs of ``file``.

    Raises:
        ConfigError: With every problem of the file.
    """
    return parse_repairs(read_text(file), str(file))


def parse_repairs(text: str, source: str) -> Repairs:
    """Return the repairs that ``text`` writes; ``source`` names it in problems.

    Raises:
        ConfigError: With every problem of the text.
    """
    document = Document.parse(text, source)
    repairs = validated(document, Repairs)
    problems = in_order((*_namesakes(repairs, document), *_unknown_codes(repairs, document)))
    if problems:
        raise ConfigError(*problems)
    return repairs


def _namesakes(repairs: Repairs, document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, repair in enumerate(repairs.repairs):
        if (first := seen.setdefault(repair.name, index)) != index:
            told = f"is the name of repairs[{first}] too"
            yield document.problem(("repairs", index, "name"), told)


def _unknown_codes(repairs: Repairs, document: Document) -> Iterator[Problem]:
    known = {code for _, code in CAUSES}
    for index, repair in enumerate(repairs.repairs):
        for code in sorted((repair.when.codes or frozenset()) - known):
            hint = nearest(code, known, 0.6)
            yield document.problem(("repairs", index, "when", "codes"), f"no such code{hint}")
