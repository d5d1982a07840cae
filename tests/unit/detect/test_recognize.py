"""Single recognizers: what they find, and how long they may take."""

from time import thread_time

import pytest
import regex
from presidio_analyzer import Pattern, PatternRecognizer
from presidio_analyzer.predefined_recognizers import EmailRecognizer, UsBankRecognizer

from streamproc.detect import recognize
from streamproc.detect.lookahead import with_lookahead
from streamproc.detect.recognize import PatternMatcher, is_shipped
from streamproc.detect.recognizers import build_recognizers, known_entities
from streamproc.detect.texts import Recognition
from streamproc.events import Finding

PIECES = [
    "1",
    "a",
    "A1",
    "1 ",
    "1-",
    "1.",
    "1/",
    "a.",
    "a-",
    "a@",
    "a.a-",
    "1:",
    ":",
    " ",
    "..",
    "1,",
]


def test_findings_have_the_score_after_validation() -> None:
    (found,) = PatternMatcher(EmailRecognizer()).find("to jane@example.com", [0])
    assert found == Finding(3, 19, "EMAIL_ADDRESS", 1.0, "EmailRecognizer")
    assert PatternMatcher(EmailRecognizer()).find("to jane@example.invalid", [0]) == []


def test_highest_score_is_that_of_the_patterns_unless_something_is_validated() -> None:
    assert PatternMatcher(UsBankRecognizer()).highest == 0.05
    assert PatternMatcher(EmailRecognizer()).highest == 1.0


def test_pattern_of_others_that_takes_too_long_fails() -> None:
    endless = PatternRecognizer("X", patterns=[Pattern("endless", r"(?:a|a)+(?:a|a)+$", 0.5)])
    assert not is_shipped(endless)
    with pytest.raises(TimeoutError):
        PatternMatcher(endless).find("a" * 100 + "!", [0])


def test_no_shipped_pattern_needs_a_timeout_on_a_short_text() -> None:
    recognizers = build_recognizers(Recognition(known_entities()))
    shipped = [r for r in recognizers if isinstance(r, PatternRecognizer) and is_shipped(r)]
    assert len(shipped) > 80
    texts = [(piece * recognize._SHORT)[: recognize._SHORT - 1] + "!" for piece in PIECES]
    texts += ["a.com" + text[5:] for text in texts]  # the prefilter lets it pass
    slowest = 0.0
    for recognizer in map(PatternMatcher, shipped):
        for pattern in recognizer.scan:
            compiled = regex.compile(with_lookahead(pattern.regex), pattern.flags)
            for text in texts:
                taken = seconds_of(compiled, text)
                if taken > slowest:
                    # The machine may have been at something else, or the collector of garbage.
                    again = (seconds_of(compiled, text) for _ in range(4))
                    slowest = max(slowest, min(taken, *again))
    assert slowest < 0.05


def seconds_of(compiled: regex.Pattern[str], text: str) -> float:
    start = thread_time()
    list(compiled.finditer(text, timeout=recognize.PATTERN_TIMEOUT_SECONDS))
    return thread_time() - start
