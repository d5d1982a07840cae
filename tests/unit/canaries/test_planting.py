from __future__ import annotations

from streamproc.canaries.planting import Personal, Planted, Tree, in_text, in_url, settle

EMAIL = Personal("email", "a+b@example.com")
NAME = Personal("person", "Amina")


def test_a_tree_becomes_json_and_its_plantings_in_document_order() -> None:
    roles: dict[str | Personal, Tree] = {EMAIL: "editor"}
    tree: dict[str, Tree] = {
        "n": 1,
        "list": [{"email": EMAIL}],
        "note": in_text("{who} wrote", who=NAME),
        "url": in_url("/u/{email}", email=EMAIL),
        "roles": roles,
    }

    event, planted = settle(tree, "m1")

    assert event == {
        "n": 1,
        "list": [{"email": "a+b@example.com"}],
        "note": "Amina wrote",
        "url": "/u/a%2Bb%40example.com",
        "roles": {"a+b@example.com": "editor"},
    }
    assert planted == (
        Planted("email", "a+b@example.com", "list[0].email", "m1"),
        Planted("person", "Amina", "note", "m1"),
        Planted("email", "a+b@example.com", "url", "m1"),
        Planted("email", "a+b@example.com", "roles.*", "m1"),
    )
