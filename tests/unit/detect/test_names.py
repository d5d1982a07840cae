import pytest

from streamproc.detect.names import han_names, is_name, is_prose
from streamproc.events import Finding


@pytest.mark.parametrize(
    "text",
    [
        "Call Jane back",
        "please ask john doe",
        "Dear Jane, thank you!",
        "MY NAME IS JANE",
        "Die Anfrage kam von Jürgen.",
        "Jane Miller | please call her back",
        "CALL JANE MILLER - SHE KNOWS",
    ],
)
def test_sentences_are_prose(text: str) -> None:
    assert is_prose(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Jane",
        "Order Completed",
        "Custom Audience Update",
        "checkout_started",
        "Release Notes | Example Store",
        "Terms of Service for Germany - Example Store",
        "+1-555-0100 ext 12",
        "a1 b2 c3 d4 e5",
        "Mozilla/5.0 (X11; Linux x86_64) like some browser on this one",
    ],
)
def test_labels_and_identifiers_are_not_prose(text: str) -> None:
    assert not is_prose(text)


def found(text: str, name: str, entity: str = "PERSON") -> Finding:
    start = text.index(name)
    return Finding(start, start + len(name), entity, 0.85, "SpacyRecognizer")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ask Jane about it", "Jane"),
        ("ask jane miller about it", "jane miller"),
        ("ask JANE about it", "JANE"),
        ("ask 李明 about it", "李明"),
        ("ask محمد about it", "محمد"),
        ("ask Jane: she / he knows", "Jane"),
    ],
)
def test_names_stand(text: str, name: str) -> None:
    assert is_name(text, found(text, name))


@pytest.mark.parametrize(
    ("text", "no_name"),
    [
        ("I am kinda happy with it", "kinda"),
        ("what a video 😀 😂", "😀 😂"),
        ("go to https : / / example.com", "https"),
        ("go to HTTPS://example.com", "HTTPS"),
        ("we have 250 of these", "250"),
    ],
)
def test_what_is_no_name_does_not(text: str, no_name: str) -> None:
    assert not is_name(text, found(text, no_name))


def test_what_a_list_or_a_pattern_found_stands() -> None:
    listed = found("ask xyzzy about it", "xyzzy")._replace(recognizer="Customers")
    assert is_name("ask xyzzy about it", listed)


def test_places_may_be_written_small_and_dates_have_no_letters() -> None:
    assert is_name("have u been to chicago", found("have u been to chicago", "chicago", "LOCATION"))
    assert is_name("due on 3/4/2024 at noon", found("due on 3/4/2024 at noon", "3/4", "DATE_TIME"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Please write to 花子 山田 at once", ["花子 山田"]),
        ("To: 花子\u3000佐々木", ["花子\u3000佐々木"]),
        ("CC 山田 さくら, 山田 太郎", ["山田 さくら", "山田 太郎"]),
        # a sentence, one word, a list, and no word in Latin letters
        ("Hello 今日は 良い 天気", []),
        ("Tokyo is 東京", []),
        ("the terms 東京 大阪 京都", []),
        ("Visit 東京都の美術館 本日", []),
        ("抹茶 羊羹", []),
        ("Jane Roe", []),
        ("José Núñez", []),
    ],
)
def test_two_short_han_words_alone_among_latin_ones_are_a_name(text: str, names: list[str]) -> None:
    assert [text[found.start : found.end] for found in han_names(text)] == names
