import logging
import socket

import pytest
import tldextract
from presidio_analyzer.recognizer_registry.recognizers_loader_utils import (
    RecognizerConfigurationLoader,
)

from streamproc.detect import Recognition
from streamproc.detect.recognizers import (
    build_recognizers,
    fingerprint,
    known_entities,
    name_of,
    reference_engine,
)
from streamproc.errors import ConfigError


def names(*entities: str) -> list[str]:
    return [name_of(found) for found in build_recognizers(Recognition(frozenset(entities)))]


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        pytest.fail("reached for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_entities_get_their_recognizers_in_a_fixed_order() -> None:
    wanted = ["PERSON", "EMAIL_ADDRESS", "DATE_TIME"]
    assert names(*wanted) == ["DateRecognizer", "EmailRecognizer", "SpacyRecognizer"]
    assert names(*reversed(wanted)) == names(*wanted)


def test_entity_that_is_off_by_default_is_recognized_where_wanted() -> None:
    assert names("IN_AADHAAR") == ["InAadhaarRecognizer"]


def test_entity_of_another_locale_is_recognized_in_english_texts() -> None:
    (recognizer,) = build_recognizers(Recognition(frozenset({"DE_TAX_ID"})))
    assert recognizer.supported_language == "en"
    assert "steuernummer" in recognizer.context


def test_whole_registry_is_known_but_for_what_needs_services_or_models() -> None:
    registry = RecognizerConfigurationLoader.get(registry_configuration={})["recognizers"]
    shipped = {item.get("class_name") or item["name"] for item in registry}
    built = {type(found).__name__ for found in build_recognizers(Recognition(known_entities()))} - {
        "SpacyRecognizer"
    }
    assert shipped - built == {"BasicLangExtractRecognizer", "HuggingFaceNerRecognizer"}
    assert len(built) >= 93


def test_listing_what_is_known_warns_of_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("presidio-analyzer"), "filters", [])
    known_entities()
    assert not [told for told in caplog.records if told.levelno >= logging.WARNING]


def test_every_known_entity_is_recognized_by_something() -> None:
    recognizers = build_recognizers(Recognition(known_entities()))
    covered = {entity for found in recognizers for entity in found.supported_entities}
    assert covered >= known_entities() >= {"EMAIL_ADDRESS", "PERSON", "PHONE_NUMBER", "IBAN_CODE"}


def test_unknown_entities_and_languages_are_all_reported() -> None:
    with pytest.raises(ConfigError) as error:
        build_recognizers(Recognition(frozenset({"EMAIL_ADRESS", "XYZZY"}), language="de"))
    assert str(error.value).splitlines() == [
        "rules: language: expected en, the only language installed",
        "rules: entities: nothing recognizes EMAIL_ADRESS; did you mean EMAIL_ADDRESS?",
        "rules: entities: nothing recognizes XYZZY",
    ]


@pytest.mark.usefixtures("_no_network")
def test_email_check_uses_the_packaged_suffix_list() -> None:
    engine = reference_engine(Recognition(frozenset({"EMAIL_ADDRESS"})))
    (found,) = engine.analyze("jane@example.co.uk", "en", entities=["EMAIL_ADDRESS"])
    assert found.score == 1.0
    assert tldextract.extract("jane@example.co.uk").suffix == "co.uk"


def test_fingerprint_tells_recognitions_apart() -> None:
    recognitions = [
        Recognition(frozenset({"URL"})),
        Recognition(frozenset({"URL"}), minimum_score=0.4),
        Recognition(frozenset({"URL", "CRYPTO"})),
        Recognition(frozenset({"URL"}), allow=frozenset({"example.com"})),
    ]
    prints = {fingerprint(r, build_recognizers(r)) for r in recognitions}
    assert len(prints) == 4
    again = Recognition(frozenset({"URL"}))
    assert fingerprint(again, build_recognizers(again)) in prints


def test_presidio_logs_nothing_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    build_recognizers(Recognition(frozenset({"URL"})))
    with caplog.at_level(logging.DEBUG, logger="presidio-analyzer"):
        logging.getLogger("presidio-analyzer").error("Failed to validate text %s", "jane")
    assert not caplog.records
