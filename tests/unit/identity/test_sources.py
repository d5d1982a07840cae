from __future__ import annotations

import pytest

from streamproc.errors import ConfigError
from streamproc.identity.config import load_identity, parse_identity
from streamproc.shipped import shipped

START = """\
version: 1
identifiers: {traits: [{name: email, fields: [traits.email]}]}
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse_identity(START + text, "identity.yaml")
    return [str(problem) for problem in refused.value.problems]


def test_every_name_that_leads_nowhere_is_told_at_once() -> None:
    problems = problems_of(
        """\
attributes:
  plan: string
  email: string
  account: string
sources:
  crm:
    objects:
      contact:
        table: salesforce.contact
        joins: {emial: email}
        attributes: {plam: plan__c}
export:
  scores: {table: salesforce.score__c, external_id: id__c, columns: {score__c: score}}
"""
    )

    assert problems == [
        (
            "identity.yaml:5:10: attributes.email: is a trait of identifiers: it cannot be an "
            "attribute too"
        ),
        (
            "identity.yaml:6:12: attributes.account: cannot be called so: the warehouse has such a "
            "column"
        ),
        (
            "identity.yaml:12:24: sources.crm.objects.contact.joins.emial: no such identifier; did "
            "you mean email?"
        ),
        (
            "identity.yaml:13:28: sources.crm.objects.contact.attributes.plam: attributes does not "
            "allow it; did you mean plan?"
        ),
        "identity.yaml:15:80: export.scores.columns.score__c: attributes does not allow score",
    ]


def test_what_is_no_type_and_what_joins_nobody_is_refused() -> None:
    problems = problems_of(
        """\
attributes: {plan: text, owner: {type: string, personal: maybe}}
sources: {crm: {objects: {contact: {joins: {}}}}}
"""
    )

    assert problems == [
        (
            "identity.yaml:3:20: attributes.plan.type: expected 'string', 'integer', 'number', "
            "'boolean', 'date' or 'timestamp'"
        ),
        "identity.yaml:3:58: attributes.owner.personal: expected 'redact' or 'refuse'",
        "identity.yaml:4:44: sources.crm.objects.contact.joins: expected a list of 1 or more",
    ]


def test_a_table_has_the_columns_of_heroku_connect_unless_told_otherwise() -> None:
    config = parse_identity(
        START
        + """\
attributes: {plan: string}
sources:
  crm:
    objects:
      contact: {table: salesforce.contact, joins: {email: email}, attributes: {plan: plan__c}}
      row: {joins: {email: mail, user_id: id}, deleted: gone}
""",
        "identity.yaml",
    )
    contact, row = config.sources["crm"].objects.values()

    assert contact.columns == ("sfid", "systemmodstamp", "isdeleted", "email", "plan__c")
    assert row.columns == ("mail", "gone", "id")
    assert config.attributes["plan"].personal == "redact"


def test_the_example_that_is_shipped_uses_all_there_is() -> None:
    config = load_identity(shipped("rules/identity/salesforce.yaml"))

    assert [*config.sources] == ["salesforce", "billing", "scores"]
    assert config.sources["salesforce"].objects["contact"].table == "salesforce.contact"
    assert config.export["scores"].columns["segment__c"] == "segment"
