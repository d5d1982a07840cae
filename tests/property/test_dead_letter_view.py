from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.deadletters import view
from streamproc.decode import VOCABULARY

# Planted values no word of a view can be mistaken for: capitals, and numbers longer than a length.
planted_text = st.text("QXZJKVW", min_size=4, max_size=30)
planted_number = st.integers(10**6, 2**63 - 1) | st.floats(1e6, 1e15, allow_nan=False)
keys = planted_text | st.sampled_from(sorted(VOCABULARY))
documents = st.recursive(
    planted_text | planted_number | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(keys, inner, max_size=8),
    max_leaves=40,
)


def planted(node: object) -> list[str]:
    """Return every planted text and number in ``node``, keys included."""
    match node:
        case str():
            return [] if node in VOCABULARY else [node]
        case bool() | None:
            return []
        case int() | float():
            return [orjson.dumps(node).decode()]
        case list():
            return [found for item in node for found in planted(item)]
        case dict():
            return planted([*node, *node.values()])
        case _:
            raise AssertionError(node)


@given(documents)
def test_no_piece_of_a_value_is_in_the_view(document: object) -> None:
    shown = view(orjson.dumps(document)).decode()
    for value in planted(document):
        pieces = {value[start : start + 4] for start in range(len(value) - 3)}
        assert not [piece for piece in pieces if piece.isalnum() and piece in shown]


@given(st.binary(max_size=300))
def test_any_bytes_have_a_small_view_that_is_json(value: bytes) -> None:
    shown = view(value)
    assert len(shown) <= 4_096
    assert orjson.loads(shown) is not None


@given(documents)
def test_any_document_has_a_small_view_that_is_json(document: object) -> None:
    shown = view(orjson.dumps(document))
    assert len(shown) <= 4_096
    orjson.loads(shown)
