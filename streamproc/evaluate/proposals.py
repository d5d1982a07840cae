"""From an inventory to rules: fields that are whole what a search finds in them every time.

A rule that names such a field decides it without a search: cheaper, and safe from the one value
that no recognizer knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from streamproc.decode.spec import FIELDS
from streamproc.effects.cases import Case, Entry, Expected
from streamproc.evaluate.inventory import WHOLE_FIELD, Inventory
from streamproc.redact.sites import VALIDATED
from streamproc.rules import FieldPath, Keep, Operator, Ruleset

__all__ = ["Proposal", "cases_of", "extended", "propose"]

LEAST_SHARE = 0.8
"""Of a path's values, so many have to be such a finding as a whole, and more."""
LEAST_VALUES = 5
"""Fewer values say nothing."""

NEVER = VALIDATED | {"messageId"}
"""Fields that rules do not reach."""
TYPES = dict(FIELDS)
"""What fields of the event itself have to be."""

EXAMPLES: Mapping[str, str] = {
    "CREDIT_CARD": "4111 1111 1111 1111",
    "DATE_TIME": "2001-02-03",
    "EMAIL_ADDRESS": "jane.roe@example.com",
    "IBAN_CODE": "GB82 WEST 1234 5698 7654 32",
    "IP_ADDRESS": "192.0.2.10",
    "LOCATION": "1 Example Street, Springfield",
    "MAC_ADDRESS": "00:00:5E:00:53:01",
    "PERSON": "Jane Roe",
    "PHONE_NUMBER": "+1 212 555 0142",
    "URL": "https://example.com/jane",
    "US_SSN": "078-05-1120",
}
"""Invented values, for the cases: a rule on whole fields does not look at them."""
EXAMPLE = "EXAMPLE-0001"

HEADING = "\n-- proposed by `streamproc scan`: fields that hold the same in nearly every value"


class Proposal(NamedTuple):
    """A field to decide as a whole.

    Attributes:
        path: The field.
        entity: What it holds.
        operator: What is done with what is found there now, and would be.
        rule: The name of the rule that would name it.
        share: Of its values, those that are such a finding as a whole.
        values: How many values it had.
    """

    path: str
    entity: str
    operator: Operator
    rule: str
    share: float
    values: int


def propose(inventory: Inventory, ruleset: Ruleset) -> list[Proposal]:
    """Return the fields that a rule should name, by entity and path.

    Those where more than 80 % of at least 5 values are, as a whole, one finding of one entity, and
    that rules can name. What is done with them is what ``operators`` says of the entity.
    """
    filled: dict[tuple[str, str], int] = {}
    for where, seen in inventory.seen.items():
        if where.step != WHOLE_FIELD:
            at = (where.path, where.entity)
            filled[at] = filled.get(at, 0) + seen.filled
    proposals = []
    for (path, entity), count in filled.items():
        values = inventory.values[path]
        operator = ruleset.operator_for(entity)
        if isinstance(operator, Keep) or not _is_named(path):
            continue
        if values >= LEAST_VALUES and count > LEAST_SHARE * values:
            rule = _free_name(entity, ruleset)
            share = min(1.0, count / values)
            proposals.append(Proposal(path, entity, operator, rule, share, values))
    return sorted(proposals, key=lambda proposal: (proposal.entity, proposal.path))


def extended(text: str, proposals: Sequence[Proposal]) -> str:
    """Return the ruleset's YAML with a rule added for each entity; comments stay as they are."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(text)
    if not content.get("rules"):
        content["rules"] = CommentedSeq()
    rules = content["rules"]
    added = len(rules)
    rules.extend(_rule(proposals, name) for name in _names(proposals))
    rules.yaml_set_comment_before_after_key(added, before=HEADING, indent=2)
    written = StringIO()
    yaml.dump(content, written)
    return written.getvalue()


def cases_of(proposals: Sequence[Proposal]) -> tuple[Case, ...]:
    """Return a case for each proposal, with invented values."""
    return tuple(
        Case(
            name=f"{proposal.path} holds {proposal.entity}",
            event=_event(proposal),
            expect=Expected(
                manifest=(
                    Entry(
                        path=proposal.path,
                        entity=proposal.entity,
                        rule=proposal.rule,
                        operator=proposal.operator.name,
                    ),
                ),
            ),
        )
        for proposal in proposals
    )


def _names(proposals: Sequence[Proposal]) -> list[str]:
    return list(dict.fromkeys(proposal.rule for proposal in proposals))


def _rule(proposals: Sequence[Proposal], name: str) -> dict[str, Any]:
    own = [proposal for proposal in proposals if proposal.rule == name]
    return {
        "name": name,
        "entity": own[0].entity,
        "fields": [proposal.path for proposal in own],
        "operator": _written(own[0].operator),
    }


def _written(operator: Operator) -> str | dict[str, Any]:
    options = operator.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    return {operator.name: options} if options else operator.name


def _event(proposal: Proposal) -> dict[str, Any]:
    event: dict[str, Any] = {"type": "track", "event": "Proposed", "userId": "u-1"}
    *above, last = proposal.path.split(".")
    holder = event
    for key in above:
        holder = holder.setdefault(key, {})
    holder[last] = EXAMPLES.get(proposal.entity, EXAMPLE)
    return event


def _is_named(path: str) -> bool:
    """Return whether a rule can name exactly this field, and an event of the spec can have it."""
    first, *below = path.split(".")
    if path in NEVER or "*" in path or (below and first in NEVER):
        return False
    if first in TYPES and TYPES[first] is not (dict if below else str):
        return False
    try:
        FieldPath.parse(path)
    except ValueError:
        return False
    return True


def _free_name(entity: str, ruleset: Ruleset) -> str:
    name = f"scanned-{entity.lower().replace('_', '-')}"[:56]
    taken = {rule.name for rule in ruleset.rules}
    number = 1
    while (free := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return free
