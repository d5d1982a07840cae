"""Which texts are prose, the only ones searched for names; and which of the names found stand.

The language model was made from prose. On a title or a label it guesses: ``Order Completed``,
``Lead Created`` and ``+1-555-0100`` are persons to it. And it is the dearest step by far, half a
millisecond a text. So it reads sentences only; names in fields of their own are for rules about
those fields.

Measured on 841 distinct texts of product events, 745 sentences of presidio-research's synthetic set
and 1,009 posts of WNUT-17's development part, with the small model: this gate sends it 1.9 % of the
event texts (and keeps 1 of 87 findings there, nearly all of the others being wrong or alone in
their field), 97 % of the sentences and 95 % of the posts; of the persons, places and groups the
model finds in those, 1,007 of 1,012 remain.

Not gated: texts without a capital letter, or with none but stop words at the start of a sentence.
That would save 3 to 7 % or 12 to 20 % of the posts' and sentences' readings, and cost 13 or 15 of
the 211 persons found in the posts: people write names small.

Some of what it finds in prose is no name (:func:`is_name`): pictographs, ``https``, and words
alone in lower case, of which 41 % are names (``brett``) and the others ``kinda`` or ``cutscene``.
Persons in the posts, a finding counting when it overlaps:

==================================  =========  ============
small model, recall and precision     WNUT-17    synth_v2
==================================  =========  ============
everything read, all findings       .449 .667  .608 .676
gated                               .443 .668  .608 .676
gated, without what is no name      .417 .697  .603 .676
==================================  =========  ============
"""

from __future__ import annotations

import re

from streamproc.events import Finding

__all__ = ["han_names", "is_name", "is_prose"]

_WORD = re.compile(
    r"(?<!\S)[\"'(\u2018\u201c]?([^\W\d_][^\W\d_'\u2019.-]*)[,.;:!?)\"'\u2019\u201d]*(?!\S)"
)
_USER_AGENT = "Mozilla/"
_NAMED = frozenset({"PERSON", "LOCATION", "NRP"})
_MODELS = frozenset({"SpacyRecognizer", "GLiNERRecognizer"})
_SEPARATOR = re.compile(r"\s(?:[|>/\u00b7\u00bb\u203a\u2022\u2013\u2014-]|::|>>)\s")
"""What stands between the parts of a title: ``Release Notes | Example Store``."""
_JOINING = frozenset(
    ["a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"]
)
"""Words in lower case that titles have too."""

_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff"
_EAST = rf"{_HAN}\u3041-\u30ff"
_HAN_NAME = re.compile(
    rf"(?<![{_EAST}])(?<![{_EAST}][ \u3000])"
    rf"[{_HAN}]{{1,3}}[ \u3000\u30fb][{_EAST}]{{1,4}}(?![{_EAST}]|[ \u3000][{_EAST}])"
)
_HAN_SCORE = 0.6
_LATIN_WORD = re.compile(r"[A-Za-z]{2}")


def is_prose(text: str) -> bool:
    """Return whether ``text`` reads like a sentence.

    It does if it has four words of letters between spaces, or three with one of them in lower
    case, and does not begin as a browser's user agent does. ``Custom Audience Update`` does not,
    ``Call Jane back`` does. Nor does a title of parts, all of whose words begin with a capital.
    """
    if " " not in text or text.startswith(_USER_AGENT):
        return False
    lower = False
    for words, match in enumerate(_WORD.finditer(text), start=1):
        lower = lower or match[1][0].islower()
        if words > 3 or (words == 3 and lower):
            return not _is_title(text)
    return False


def is_name(text: str, finding: Finding) -> bool:
    """Return whether ``finding`` stands: whether what a model found in ``text`` can be a name.

    Pictographs and other signs cannot, nor can the scheme of a URL, nor a person in one word
    without a capital. What is no person, place or group stands, and so does what was not found by
    a model.
    """
    if finding.entity not in _NAMED or finding.recognizer not in _MODELS:
        return True
    said = text[finding.start : finding.end]
    if finding.entity == "PERSON" and said == said.lower() and len(said.split()) == 1:
        # Scripts without capitals have no lower case either.
        return said == said.upper() and any(map(str.isalpha, said))
    is_scheme = text[finding.end :].lstrip(" ").startswith((":/", ": /"))
    return any(map(str.isalpha, said)) and not is_scheme


def han_names(text: str) -> list[Finding]:
    """Return the names in Han characters that stand between Latin words, by start.

    Chinese and Japanese put no space between words, but where a name is written for readers, or by
    programs, of other scripts. So two short words with a space between them, and nothing of these
    scripts around them, are a given name and a family name. The model, of English, finds none.
    Costs 0.05 µs for a text in ASCII.

    Returns:
        Findings of ``PERSON``, score 0.6, recognizer ``HanName``, step ``name``.
    """
    if text.isascii() or not _LATIN_WORD.search(text):
        return []
    return [
        Finding(match.start(), match.end(), "PERSON", _HAN_SCORE, "HanName", "name")
        for match in _HAN_NAME.finditer(text)
    ]


def _is_title(text: str) -> bool:
    if not _SEPARATOR.search(text) or text.isupper():
        return False
    return all(word[1][0].isupper() or word[1] in _JOINING for word in _WORD.finditer(text))
