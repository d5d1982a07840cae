import pytest

from streamproc.rules import FieldPath
from streamproc.rules.paths import letters_of


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("email", ("email",)),
        ("context.traits.firstName", ("context", "traits", "firstname")),
        ("properties.products[*].sku", ("properties", "products", "sku")),
        ("properties.*.email", ("properties", "*", "email")),
        ("**.e-mail", ("**", "email")),
        ("context.device.**", ("context", "device", "**")),
        ("traits.Straße", ("traits", "strasse")),
    ],
)
def test_a_path_is_its_steps_by_letters_and_digits(text: str, steps: tuple[str, ...]) -> None:
    assert FieldPath.parse(text).steps == steps


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "a.", "products[0].sku", "a.b]", "***", "a*", "**email", "a.-"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|cannot|needs"):
        FieldPath.parse(text)


@pytest.mark.parametrize("key", ["firstName", "first_name", "FirstName", "First Name", "FIRSTNAME"])
def test_case_and_separators_of_a_key_do_not_count(key: str) -> None:
    assert letters_of(key) == "firstname"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("$.properties.products[*].sku", "properties.products.sku"),
        ("$['properties']['first name']", "properties.firstName"),
        ('$["properties"].sku', "properties.sku"),
        ("$..email", "**.email"),
        ("$..['e-mail']", "**.email"),
        ("$..*", "**.*"),
        ("$..[*]", "**.*"),
        ("$.*.email", "*.email"),
        ("$[*].email", "*.email"),
        ("$.a..b[*]", "a.**.b"),
    ],
)
def test_a_json_path_is_the_path_that_says_the_same(text: str, same: str) -> None:
    assert FieldPath.parse(text) == FieldPath.parse(same)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$", "below the root is"),
        ("$.a[0]", "list items cannot be named"),
        ("$.a[-1]", "list items cannot be named"),
        ("$.a[0:2]", "list items cannot be named"),
        ("$.a[?(@.b == 1)]", "no filters"),
        ("$..[?@.b]", "no filters"),
        ("$['a','b']", "a path for each"),
        ("$.a.", "expected a JSONPath"),
        ("$.a b", "expected a JSONPath"),
        ("$.a['b'", "expected a JSONPath"),
        ("$.['--']", "expected a JSONPath"),
        ("$['--']", "needs a letter"),
    ],
)
def test_what_a_json_path_says_and_no_path_can_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FieldPath.parse(text)
