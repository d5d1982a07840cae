import pytest

from streamproc.detect import Text, key_words


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("billingEmail", ("billing", "email")),
        ("billing_email", ("billing", "email")),
        ("billing-email", ("billing", "email")),
        ("Billing Email", ("billing", "email")),
        ("IPAddress", ("ip", "address")),
        ("userID", ("user", "id")),
        ("$ip", ("ip",)),
        ("ipv4", ("ipv4",)),
        ("address2", ("address2",)),
        ("größeEinheit", ("größe", "einheit")),
        ("", ()),
        ("___", ()),
    ],
)
def test_key_words_are_split_and_lower_case(key: str, words: tuple[str, ...]) -> None:
    assert key_words(key) == words


def test_text_shows_no_value() -> None:
    assert "jane" not in repr([Text("jane@example.com", ("email",))])


def test_only_the_beginning_of_a_long_key_is_read() -> None:
    assert key_words("email" + " word" * 100_000)[0] == "email"
    assert len(key_words("email" + " word" * 100_000)) < 50
