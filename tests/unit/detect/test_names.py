import pytest

from streamproc.detect.names import is_prose


@pytest.mark.parametrize(
    "text",
    [
        "Call Jane back",
        "please ask john doe",
        "Dear Jane, thank you!",
        "MY NAME IS JANE",
        "Die Anfrage kam von Jürgen.",
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
        "+1-555-0100 ext 12",
        "a1 b2 c3 d4 e5",
        "Mozilla/5.0 (X11; Linux x86_64) like some browser on this one",
    ],
)
def test_labels_and_identifiers_are_not_prose(text: str) -> None:
    assert not is_prose(text)
