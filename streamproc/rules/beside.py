"""What lies beside a ruleset, and can be named in it: recognizers, and lists of texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import regex

from streamproc.errors import ConfigError
from streamproc.rules.document import read_text
from streamproc.rules.load_recognizers import Recognizers

__all__ = ["Beside"]

LIST_NAME: Final = regex.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*\.txt")
"""Below the ruleset's folder, so that all of a ruleset can be taken elsewhere."""


@dataclass(frozen=True)
class Beside:
    """What a ruleset may name.

    Attributes:
        recognizers: Own recognizers, by their entities and groups.
        folder: Where lists are; None where there can be none.
    """

    recognizers: Recognizers = field(default_factory=Recognizers)
    folder: Path | None = None

    def texts(self, name: str) -> frozenset[str]:
        """Return the texts of the file ``name``: one a line; # begins a line that is a comment.

        Raises:
            ValueError: Saying what is wrong with the name or the file.
        """
        if not LIST_NAME.fullmatch(name):
            raise ValueError("expected a file below the ruleset's folder, such as own_domains.txt")
        if self.folder is None:
            raise ValueError("there are no files beside this ruleset")
        file = self.folder / name
        if not file.resolve().is_relative_to(self.folder.resolve()):
            raise ValueError(f"{name} is a link to a file elsewhere")
        try:
            lines = read_text(file).splitlines()
        except ConfigError as error:
            raise ValueError(f"{name} {error.problems[0].message}") from None
        texts = frozenset(line.strip() for line in lines if not line.lstrip().startswith("#"))
        if not (texts := texts - {""}):
            raise ValueError(f"{name} holds no text")
        return texts
