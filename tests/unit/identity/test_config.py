from __future__ import annotations

import json

import pytest

from streamproc.errors import ConfigError
from streamproc.identity.config import load_identity, parse_identity
from streamproc.identity.language import IdentityConfig
from streamproc.identity.schema import identity_schema
from streamproc.shipped import shipped

FILE = shipped("rules/identity/default.yaml")


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_identity(text, "identity.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_the_shipped_configuration_says_what_is_built_in_and_the_trait_email() -> None:
    config, plain = load_identity(FILE), IdentityConfig(version=1)

    assert config.limits == plain.limits
    assert config.accounts == plain.accounts
    assert config.identifiers.generic == plain.identifiers.generic
    (email,) = config.identifiers.traits
    assert (email.name, email.entity) == ("email", "EMAIL_ADDRESS")
    assert email.fields == (("traits", "email"), ("context", "traits", "email"))


def test_every_problem_is_told_at_once_with_its_place_and_what_was_expected() -> None:
    found = problems_of(
        """
version: 1
identifiers:
  traits:
    - {name: email, fields: ["traits.*"], entity: EMAIL_ADRESS}
    - {name: Email, field: [a]}
    - {name: account, fields: [a]}
  generic: [0]
limits: {ids: 4, users_per_trait: 0}
acounts: {}
"""
    )

    assert found == [
        (
            "identity.yaml:5:30: identifiers.traits[0].fields[0]: expected keys joined by dots, "
            "such as context.traits.email"
        ),
        (
            "identity.yaml:5:51: identifiers.traits[0].entity: no such entity; did you mean "
            "EMAIL_ADDRESS?"
        ),
        "identity.yaml:6:7: identifiers.traits[1].fields: is missing",
        (
            "identity.yaml:6:14: identifiers.traits[1].name: expected small letters, digits, - and "
            "_, a letter first"
        ),
        "identity.yaml:6:21: identifiers.traits[1].field: no such key; did you mean fields?",
        (
            "identity.yaml:7:14: identifiers.traits[2].name: is what an event says without any "
            "configuration"
        ),
        (
            "identity.yaml:8:13: identifiers.generic[0]: expected a text (in quotes where it looks "
            "like something else)"
        ),
        "identity.yaml:9:10: limits.ids: no such key",
        "identity.yaml:9:35: limits.users_per_trait: expected 1 or more",
        "identity.yaml:10:1: acounts: no such key; did you mean accounts?",
    ]


def test_two_traits_have_two_names() -> None:
    text = "version: 1\nidentifiers: {traits: [{name: a, fields: [x]}, {name: a, fields: [y]}]}"

    assert problems_of(text) == [
        "identity.yaml:2:55: identifiers.traits[1].name: is the name of traits[0] too"
    ]


def test_only_what_decides_how_links_are_kept_is_in_the_graphs_fingerprint() -> None:
    plain = parse_identity("version: 1", "identity.yaml").graph_fingerprint
    others = {
        text: parse_identity(f"version: 1\n{text}", "identity.yaml").graph_fingerprint
        for text in (
            "accounts: {remembered: false}",
            "limits: {users_per_trait: 3}",
            "identifiers: {generic: [support@example.com]}",
        )
    }

    assert [print_ == plain for print_ in others.values()] == [True, False, False]
    assert len({*others.values(), plain}) == 3


def test_the_schema_that_editors_use_is_up_to_date() -> None:
    written = json.loads(shipped("schemas/identity.json").read_text(encoding="utf-8"))

    assert written == identity_schema()  # else: streamproc identity schema > schemas/identity.json


def test_the_shipped_configuration_names_its_schema() -> None:
    reference = FILE.read_text(encoding="utf-8").split("$schema=")[1].split()[0]

    assert (FILE.parent / reference).resolve() == shipped("schemas/identity.json").resolve()
