import pytest

from streamproc.detect import find_known
from streamproc.detect.siblings import name_words


def found(text: str, *values: str) -> list[str]:
    return [text[f.start : f.end] for f in find_known(text, values)]


@pytest.mark.parametrize(
    ("text", "values", "names"),
    [
        ("Jane called again", ["Jane"], ["Jane"]),
        ("jane called, JANE called", ["Jane"], ["jane", "JANE"]),
        ("Janet called about Jane's order", ["Jane"], ["Jane"]),
        ("Ask Jane Doe", ["Jane", "Doe"], ["Jane Doe"]),
        ("Doe, Jane (VIP)", ["Jane", "Doe"], ["Doe, Jane"]),
        ("Ask Jane  Doe, or Jane", ["Jane Doe"], ["Jane  Doe", "Jane"]),
        ("Hello Doe", ["Jane Doe"], ["Doe"]),
        ("Größe für GROSSMANN und Großmann", ["Großmann"], ["GROSSMANN", "Großmann"]),
        ("Yu Li is at it", ["Li"], []),
        ("I will call", ["Will"], []),
        ("Will will call", ["Will"], ["Will"]),
        ("a+b (c)", ["a+b (c)"], ["a+b (c)"]),
        ("nobody here", ["Jane"], []),
        ("a user of a group: the Test User", ["Test User"], ["Test User"]),
        ("Vincent of the van Gogh family", ["Vincent van Gogh"], ["Vincent", "Gogh"]),
        ("login jane.doe failed", ["Jane", "Doe"], ["jane.doe"]),
        ("jane_doe and doe-jane", ["Jane", "Doe"], ["jane_doe", "doe-jane"]),
        ("janedoe DOEJANE", ["Jane", "Doe"], ["janedoe DOEJANE"]),
        ("jdoe logged in", ["Jane", "Doe"], ["jdoe"]),
        ("jdoe logged in", ["Jane Doe"], ["jdoe"]),
        ("the price for Rice", ["Peter", "Rice"], ["Rice"]),
        ("a hall, we shall", ["Steve", "Hall"], ["hall"]),
        ("Ask J. Doe or j.doe", ["Jane", "Doe"], ["J. Doe", "j.doe"]),
        ("Ask Jane D. or jane.d", ["Jane", "Doe"], ["Jane D.", "jane.d"]),
        ("She is a smith", ["Ann", "Smith"], ["smith"]),
        ("Jane Li or Li Jane, not Li", ["Jane", "Li"], ["Jane Li", "Li Jane"]),
        ("Jose Garcia, José García", ["José", "García"], ["Jose Garcia, José García"]),
        ("JANE'S and Doe’s", ["Jane", "Doe"], ["JANE", "Doe"]),  # noqa: RUF001
        ("Doe called", ["Doe, Jane"], ["Doe"]),
        ("", ["Jane"], []),
        ("Jane", [], []),
        ("Jane", [""], []),
    ],
)
def test_names_of_siblings_are_found_as_whole_words(
    text: str, values: list[str], names: list[str]
) -> None:
    assert found(text, *values) == names


def test_finding_says_which_step_made_it() -> None:
    (finding,) = find_known("Hi Jane!", ["Jane"])
    assert finding == (3, 7, "PERSON", 0.85, "SiblingName", "sibling")


def test_positions_hold_after_letters_that_fold_to_several() -> None:
    assert found("ßßß \u0130\u0130 Jane", "jane") == ["Jane"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Jane Doe", "jdoe"),
        ("Doe, Jane", "ask DOE"),
        ("José", "Jose called"),
        ("Test User", "the test user"),
        ("Großmann", "GROSSMANN"),
    ],
)
def test_a_text_a_name_is_found_in_has_one_of_its_words(value: str, text: str) -> None:
    assert find_known(text, [value])
    assert any(word in text.casefold() for word in name_words(value))
