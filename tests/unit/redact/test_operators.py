import pytest
from redaction import RING

from streamproc.redact import TOKEN, Tokens
from streamproc.redact.operators import rewritten
from streamproc.rules import Action, Hash, Keep, Mask, Operator, Redact, Replace

TOKENS = Tokens(RING)


def made(operator: Operator, value: str, entity: str = "PERSON") -> str:
    return rewritten(Action("rule", entity, operator), value, TOKENS)


@pytest.mark.parametrize(
    ("operator", "value", "new"),
    [
        (Replace(), "Jane", "<PERSON>"),
        (Replace(template="[{entity} removed]"), "Jane", "[PERSON removed]"),
        (Redact(), "Jane", ""),
        (Keep(), "Jane", "Jane"),
        (Mask(), "Jane Doe", "**** ***"),
        (Mask(keep_last=4), "4111 1111-1111 1111", "**** ****-**** 1111"),
        (Mask(keep_first=1, keep_last=1), "abcd", "a**d"),
        (Mask(character="x", keep_first=1), "a-b-c", "a-x-x"),
        (Mask(keep_last=4), "1234", "****"),
        (Mask(keep_last=4), "12", "**"),
        (Mask(keep_last=4), "1*23", "****"),
        (Replace(), "<JANE>", "<PERSON>"),
    ],
)
def test_operators(operator: Operator, value: str, new: str) -> None:
    assert made(operator, value) == new


def test_a_hash_is_a_token() -> None:
    assert TOKEN.fullmatch(made(Hash(), "Jane"))


@pytest.mark.parametrize(
    "operator",
    [Replace(), Redact(), Hash(), Mask(), Mask(keep_last=4), Mask(keep_first=2, keep_last=2)],
)
@pytest.mark.parametrize("value", ["Jane Doe", "4111 1111 1111 1111", "ab", "abcd", "a*b*c"])
def test_doing_it_twice_changes_nothing(operator: Operator, value: str) -> None:
    once = made(operator, value)
    assert made(operator, once) == once
