"""Texts that provoke recognizers: what they find, changed a little, amid words and signs."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from parity.samples import samples_of

from streamproc.detect import Text, key_words
from streamproc.detect.recognizers import name_of

_SAMPLES = 16
"""Strings of each recognizer that are found; a text takes one, and changes it."""

_FILLERS = """
    the my is of for and with please note that we sent was it Jane Chicago on Monday order 12 v2
    No. — (see) / : , = & ? a@b x-y
"""
_ENDINGS = ("", "", "s", "ing", "ed", "er", "ies", "es", "'s", ":", ".", "#")
_GAPS = (" ", " ", " ", "", "\n", "\t", ", ", "\u00a0", ": ", "=", "_", '":"')
_BORDERS: tuple[str, ...] = (
    *[""] * 24,
    *'."(),:;/\\@-_+#=&%<',
    "1",
    "a",
    "Z",
    "é",
    "ß",
    "Д",
    "٣",
    "\u0301",
)
_SEPARATORS = " -./:\u00a0\u2013_"
_FOREIGN_LETTERS = str.maketrans("aeoABCi", "\u0430é\u03bfÅ\u0412Ç\u0456")
_FOLDS = "\u0131\u0130\u017f\u212a"
_OTHER_DIGITS = [
    code
    for code in range(0x100, 0x20000)
    if unicodedata.decimal(chr(code), None) == 0  # the zero of a script's ten digits
]
_LONG = 300
"""Words around the value of a long text."""


class Generator:
    """Makes text number ``index`` of ``seed``, always the same; for each recognizer in turn.

    Attributes:
        recognizers: Names of the recognizers it makes texts for.
        samples: Of each recognizer, strings that it finds or all but finds.
        words: Of each recognizer, its context words.
    """

    def __init__(self, recognizers: Sequence[Any], seed: int) -> None:
        """Sample strings that ``recognizers`` find; 4 s for all of Presidio's.

        There are none for those without patterns or examples: the language model.
        """
        sampled = [
            (recognizer, samples)
            for recognizer in recognizers
            if (
                samples := samples_of(recognizer, _SAMPLES, Random(f"{seed}/{name_of(recognizer)}"))
            )
        ]
        self.recognizers = [name_of(recognizer) for recognizer, _ in sampled]
        self.samples: list[list[str]] = [samples for _, samples in sampled]
        self.words: list[tuple[str, ...]] = [
            tuple(recognizer.context or ("number",)) for recognizer, _ in sampled
        ]
        self._seed = seed

    def text(self, index: int) -> Text:
        """Return a text and the context words of its key."""
        chooser = Random(f"{self._seed}/{index}")
        which = index % len(self.recognizers)
        pieces = [self._value(which, chooser)]
        if chooser.random() < 0.2:
            pieces.append(self._value(chooser.randrange(len(self.recognizers)), chooser))
        if chooser.random() < 0.8:
            pieces = [*self._around(which, chooser), *pieces, *self._around(which, chooser)]
        value = pieces[0]
        for piece in pieces[1:]:
            value += chooser.choice(_GAPS) + piece
        return Text(value, self._key(which, chooser))

    def allowed(self) -> frozenset[str]:
        """Return some of the strings that texts hold unchanged."""
        return frozenset(value for values in self.samples for value in values[1::3])

    def _value(self, which: int, chooser: Random) -> str:
        value = chooser.choice(self.samples[which])
        if chooser.random() < 0.5:
            value = chooser.choice(_CHANGES)(value, chooser)
        return chooser.choice(_BORDERS) + value + chooser.choice(_BORDERS)

    def _around(self, which: int, chooser: Random) -> list[str]:
        """Return fillers, with a context word among them, up to seven words from the value."""
        long = chooser.random() < 0.005
        words = chooser.choices(
            _FILLERS.split(), k=_LONG if long else chooser.choice((0, 0, 1, 2, 4, 7))
        )
        if chooser.random() < 0.6:
            if chooser.random() < 0.2:
                which = chooser.randrange(len(self.recognizers))
            word = _inflected(chooser.choice(self.words[which]), chooser)
            words.insert(chooser.randint(0, len(words)), word)
        return [" ".join(words)] if words else []

    def _key(self, which: int, chooser: Random) -> tuple[str, ...]:
        if chooser.random() < 0.7:
            return ()
        return key_words(f"user_{chooser.choice(self.words[which])}Value")


def _inflected(word: str, chooser: Random) -> str:
    """Return ``word`` as texts may have it: ``licensing`` for license, ``XCARD`` for card."""
    ending = chooser.choice(_ENDINGS)
    if ending.isalpha() and word[-1:] in {"e", "y"}:
        word = word[:-1]
    word += ending
    return chooser.choice([word, word, word.title(), word.upper(), f"x{word}"])


def _cased(value: str, chooser: Random) -> str:
    return chooser.choice([value.upper(), value.lower(), value.swapcase(), value.title()])


def _in_other_digits(value: str, chooser: Random) -> str:
    zero = chooser.choice(_OTHER_DIGITS)
    some = chooser.choice([0.1, 1.0])
    return "".join(
        chr(zero + int(sign)) if sign in string.digits and chooser.random() < some else sign
        for sign in value
    )


def _in_other_letters(value: str, chooser: Random) -> str:
    return "".join(
        sign.translate(_FOREIGN_LETTERS) if chooser.random() < 0.5 else sign for sign in value
    )


def _folding(value: str, chooser: Random) -> str:
    letters = [at for at, sign in enumerate(value) if sign.isalpha()] or [0]
    at = chooser.choice(letters)
    return value[:at] + chooser.choice(_FOLDS) + value[at + 1 :]


def _separated(value: str, chooser: Random) -> str:
    other = chooser.choice(["", *_SEPARATORS])
    return re.sub(r"[ ./:-]", lambda sign: chooser.choice([other, other, sign[0]]), value)


def _split(value: str, chooser: Random) -> str:
    return _inserted(value, _SEPARATORS, chooser)


def _marked(value: str, chooser: Random) -> str:
    return _inserted(value, "\u0301\u0308\u200b\u200d\u00ad\u202e\n", chooser)


def _inserted(value: str, signs: Iterable[str], chooser: Random) -> str:
    at = chooser.randint(0, len(value))
    return value[:at] + chooser.choice([*signs]) + value[at:]


def _shortened(value: str, chooser: Random) -> str:
    at = chooser.randrange(max(len(value), 1))
    return value[:at] + value[at + 1 :]


def _doubled(value: str, chooser: Random) -> str:
    at = chooser.randrange(max(len(value), 1))
    return value[:at] + value[at : at + 1] * 2 + value[at + 1 :]


_CHANGES: tuple[Callable[[str, Random], str], ...] = (
    _cased,
    _in_other_digits,
    _in_other_letters,
    _folding,
    _folding,
    _separated,
    _split,
    _marked,
    _shortened,
    _doubled,
)
