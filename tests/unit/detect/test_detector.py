import logging
from pathlib import Path

import pytest

from streamproc.detect import Detector, Recognition, Text
from streamproc.errors import EventError

ENTITIES = frozenset(
    {
        "CREDIT_CARD",
        "DATE_TIME",
        "EMAIL_ADDRESS",
        "IP_ADDRESS",
        "LOCATION",
        "PERSON",
        "PHONE_NUMBER",
        "URL",
        "US_BANK_NUMBER",
        "US_SSN",
    }
)


@pytest.fixture(scope="module")
def detector(pytestconfig: pytest.Config) -> Detector:
    assert pytestconfig.cache
    cache = pytestconfig.cache.mkdir("patterns")
    return Detector(Recognition(ENTITIES, 0.4), cache=cache)


def found(detector: Detector, text: str, *context: str) -> list[tuple[str, str, str]]:
    (findings,) = detector.detect([Text(text, context)])
    return [(f.entity, text[f.start : f.end], f.step) for f in findings]


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        ("", (), []),
        ("Order Completed", (), []),
        ("jane@example.com", ("email",), [("EMAIL_ADDRESS", "jane@example.com", "text")]),
        ("4111111111111111", (), [("CREDIT_CARD", "4111111111111111", "text")]),
        ("945456787", (), []),
        ("1631210063", (), []),
        ("5550100", ("user", "phone"), [("PHONE_NUMBER", "5550100", "field")]),
        ("/search?phone=5550100", (), [("PHONE_NUMBER", "5550100", "url")]),
        (" Doe ", ("last", "name"), [("PERSON", "Doe", "field")]),
        ("Chrome/120.0.0.0 (via 192.0.2.1)", (), [("IP_ADDRESS", "192.0.2.1", "text")]),
        ("945456787", ("account",), [("US_BANK_NUMBER", "945456787", "text")]),
        ("bank account 945456787", (), [("US_BANK_NUMBER", "945456787", "text")]),
        ("2023-05-17T22:49:53.310Z", ("date",), []),
        ("0059915c-dea7-4682-b06d-52f315b12f5e", ("phone",), []),
        (
            "Please tell Jane Miller to call 212-555-0123.",
            (),
            [("PERSON", "Jane Miller", "text"), ("PHONE_NUMBER", "212-555-0123", "text")],
        ),
    ],
)
def test_findings_of_single_texts(
    detector: Detector,
    text: str,
    context: tuple[str, ...],
    expected: list[tuple[str, str, str]],
) -> None:
    assert found(detector, text, *context) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("?email=jane%40example.com", "jane%40example.com"),
        ("/users/jane.doe@example.com/orders", "jane.doe@example.com"),
        ("host/confirm?email=jane@example.com", "jane@example.com"),
        ("https://example.com/a?to=https%3A%2F%2Fb.example%2F%3Fe%3Djane%2540example.com", None),
        ("https://example.org/#/u?e=jane%40example.com", "jane%40example.com"),
    ],
)
def test_addresses_within_urls_are_found_alone(
    detector: Detector, text: str, value: str | None
) -> None:
    value = value or "jane%2540example.com"
    emails = [finding for finding in found(detector, text) if finding[0] == "EMAIL_ADDRESS"]
    assert emails == [("EMAIL_ADDRESS", value, "url")]


def test_answers_keep_the_order_of_the_texts_and_repeat(detector: Detector) -> None:
    texts = [Text("jane@example.com"), Text("nothing"), Text("jane@example.com"), Text("")]
    first, none, again, empty = detector.detect(texts)
    assert first == again
    assert (none, empty) == ((), ())


def test_same_text_under_another_key_is_another_question(detector: Detector) -> None:
    texts = [Text("945456788", ("account",)), Text("945456788", ("width",))]
    with_context, without = detector.detect(texts)
    assert with_context
    assert not without


def test_contexts_that_raise_the_same_scores_are_one_question(detector: Detector) -> None:
    nothing = frozenset[str]()
    asked = detector.question(("bank", "account"), nothing)
    assert asked == detector.question(("account", "of", "bank"), nothing)
    assert asked != detector.question(("width",), nothing)
    assert asked != detector.question(("bank", "account"), frozenset({"url"}))


def test_steps_a_text_is_without_are_not_taken(detector: Detector) -> None:
    url, timestamp = "?email=jane%40example.com", "2023-05-17T22:49:53.310Z"
    url_alone, opened = detector.detect(
        [Text(url, (), frozenset({"url"})), Text(timestamp, (), frozenset({"shape"}))]
    )
    assert found(detector, url) == [("EMAIL_ADDRESS", "jane%40example.com", "url")]
    assert not [finding for finding in url_alone if finding.step == "url"]
    assert not found(detector, timestamp)
    assert [finding.entity for finding in opened] == ["DATE_TIME"]


def test_failing_recognizer_fails_the_call_and_says_nothing_of_the_text(
    detector: Detector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("did not find word 'secret@example.com'")

    monkeypatch.setattr(detector._analyzer._prefilter, "candidates", fail)
    with caplog.at_level(logging.DEBUG), pytest.raises(EventError) as error:
        detector.detect([Text("secret@example.com")])
    assert (error.value.stage, error.value.code) == ("detect", "detector_failed")
    assert error.value.__suppress_context__
    assert "secret" not in caplog.text + str(error.value)


def test_no_text_is_written_to_the_cache(tmp_path: Path) -> None:
    detector = Detector(Recognition(frozenset({"IP_ADDRESS"})), cache=tmp_path)
    detector.detect([Text("192.0.2.77")])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert b"192.0.2.77" not in files[0].read_bytes()


def test_detectors_of_one_recognition_have_one_fingerprint(
    detector: Detector, tmp_path: Path
) -> None:
    other = Detector(Recognition(frozenset({"IP_ADDRESS"})), cache=tmp_path)
    same = Detector(Recognition(frozenset({"IP_ADDRESS"})), cache=tmp_path)
    assert other.fingerprint == same.fingerprint != detector.fingerprint


@pytest.mark.parametrize(
    ("text", "step", "entities"),
    [
        (Text("1631210063"), "bare_number", ["PHONE_NUMBER"]),
        (Text("5550100", ("phone",)), "field", []),
        (Text("0059915c-dea7-4682-b06d-52f315b12f5e"), "shape", []),
    ],
)
def test_evidence_and_gates_can_be_left_out(
    detector: Detector, text: Text, step: str, entities: list[str]
) -> None:
    (findings,) = detector.detect([text._replace(without=frozenset({step}))])
    assert [finding.entity for finding in findings] == entities


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000 + "?",
        "a" * 200_000 + "%4",
        "x?" + "a" * 200_000,
        "-" * 30_000 + " Jane Doe lives here",
        "1-" * 15_000,
        "555 ext 5 " * 3_000,
        "GB29 NWBK " * 3_000,
        "driver license A1234567 " * 1_000,
    ],
    ids=lambda text: text[:10],
)
def test_texts_made_to_be_slow_are_answered_in_time(detector: Detector, text: str) -> None:
    [findings] = detector.detect([Text(text)])

    assert all(0 <= found.start < found.end <= len(text) for found in findings)


@pytest.mark.timeout(30)
def test_a_text_that_a_pattern_takes_too_long_for_is_refused(detector: Detector) -> None:
    with pytest.raises(EventError, match="detector_failed"):
        detector.detect([Text("a." * 16_000 + " x@yy.zz")])
