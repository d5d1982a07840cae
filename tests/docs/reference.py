"""The parts of the README that are made from the code: settings, operators, steps, kinds.

python tests/docs/reference.py    writes it into the README
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

sys.path.insert(0, str(Path(__file__).parents[1]))

from redaction import RING

from streamproc.deadletters.causes import CAUSES
from streamproc.events import Subject
from streamproc.formats import avro
from streamproc.identity.sources import AllowedAttribute, Export, Source, SourceObject
from streamproc.kafka.acls import ROLES, grants
from streamproc.redact import Tokens
from streamproc.redact.operators import rewritten
from streamproc.rules import Action, parse_ruleset
from streamproc.rules.language import STEPS
from streamproc.rules.operators import OPERATORS
from streamproc.settings import Settings, setting_names, variable_name
from streamproc.sight import METRICS
from streamproc.warehouse.dialects import DUCKDB, POSTGRES, SNOWFLAKE
from streamproc.warehouse.kinds import WIDER

README = Path(__file__).parents[2] / "README.md"

EXAMPLES = [
    # as a ruleset writes it, what the value is, the value
    ("replace", "EMAIL_ADDRESS", "jane@example.com"),
    ('{replace: {template: "[{entity}]"}}', "EMAIL_ADDRESS", "jane@example.com"),
    ("redact", "EMAIL_ADDRESS", "jane@example.com"),
    ("{mask: {keep_last: 4}}", "CREDIT_CARD", "4111 1111 1111 1111"),
    ('{mask: {skip: "@."}}', "EMAIL_ADDRESS", "jane@example.com"),
    ("hash", "EMAIL_ADDRESS", "jane@example.com"),
    ("encrypt", "PERSON", "Jane"),
    ("{format_preserve: {keep_last: 4}}", "CREDIT_CARD", "4111 1111 1111 1111"),
    ("truncate_ip", "IP_ADDRESS", "192.0.2.10"),
    ("truncate_ip", "IP_ADDRESS", "2001:db8:1:2:3::4"),
    ("{date_shift: {days: 30}}", "DATE_TIME", "9 March 2024"),
    ("{generalise: {dates: month}}", "DATE_TIME", "9 March 2024"),
    ("{generalise: {numbers: 10}}", "AGE", "37"),
]

SOURCES: dict[str, type[BaseModel]] = {
    "attributes.NAME": AllowedAttribute,
    "sources.NAME": Source,
    "sources.NAME.objects.NAME": SourceObject,
    "export.NAME": Export,
}
"""What may stand where in the identity configuration."""

RULESET = """
version: 1
name: example
entities: [PERSON]
operators: {default: %s}
"""


def settings_reference() -> str:
    """Return the table of all settings."""
    lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
    defaults = Settings()
    for section, name in setting_names():
        table = getattr(defaults, section)
        lines.append(_row(f"{section}.{name}", getattr(table, name), type(table), name))
    example = variable_name("kafka", "brokers")
    return "\n".join(lines) + f"\n\nThe variable of `kafka.brokers` is `{example}`, and so on.\n"


def operators_reference() -> str:
    """Return what each operator does, an example of most of them, and their options."""
    said = [f"| `{name}` | {_text(model.__doc__)} |" for name, model in OPERATORS.items()]
    shown = [f"| `{written}` | `{value}` | {new} |" for written, value, new in examples()]
    options = [
        _row(f"{name}.{option}", model.model_fields[option].default, model, option)
        for name, model in OPERATORS.items()
        for option in model.model_fields
        if option != "name"
    ]
    tables = [
        ["| operator | what it does |", "| --- | --- |", *said],
        ["| written | makes of | this |", "| --- | --- | --- |", *shown],
        ["| option | default | meaning |", "| --- | --- | --- |", *options],
    ]
    return "\n\n".join("\n".join(table) for table in tables) + "\n"


def examples() -> Iterator[tuple[str, str, str]]:
    """Yield each example as it is written, its value, and what really becomes of that."""
    tokens = Tokens(RING)
    subject = Subject(tokens.of_identifier("u-7"), None, None)
    for written, entity, value in EXAMPLES:
        operator = parse_ruleset(RULESET % written, "example.yaml").operators["default"]
        new = rewritten(Action("example", entity, operator), value, tokens, subject)
        yield written, value, f"`{new}`" if new else "nothing"


def steps_reference() -> str:
    """Return the steps that a rule can leave out."""
    lines = [f"| `{name}` | {_text(what)} |" for name, what in STEPS.items()]
    return "\n".join(["| step | what it does |", "| --- | --- |", *lines]) + "\n"


def kinds_reference() -> str:
    """Return the kinds of columns, their types by warehouse, and what each is widened to."""
    dialects = [DUCKDB, SNOWFLAKE, POSTGRES]
    heading = ["kind", *(f"type in {dialect.name}" for dialect in dialects), "widened to"]
    lines = [f"| {' | '.join(heading)} |", "| --- " * len(heading) + "|"]
    for kind, wider in WIDER.items():
        types = " | ".join(f"`{dialect.types[kind]}`" for dialect in dialects)
        lines.append(f"| {kind} | {types} | {', '.join(wider[1:])} |")
    return "\n".join(lines) + "\n"


def sources_reference() -> str:
    """Return the table of what the identity configuration says of attributes."""
    lines = ["| key | default | meaning |", "| --- | --- | --- |"]
    for place, model in SOURCES.items():
        for name, field in model.model_fields.items():
            default = "" if field.is_required() or field.default == {} else field.default
            lines.append(_row(f"{place}.{name}", default or None, model, name))
    return "\n".join(lines) + "\n"


def causes_reference() -> str:
    """Return every code of a dead letter, what it says, and what to do about it."""
    lines = [
        f"| {stage} | `{code}` | {cause.meaning} | {cause.remedy} |"
        for (stage, code), cause in CAUSES.items()
    ]
    heading = ["| stage | code | what it says | what to do |", "| --- | --- | --- | --- |"]
    return "\n".join([*heading, *lines]) + "\n"


def roles_reference() -> str:
    """Return what each role is for, and what ACLs have to allow it."""
    lines = []
    for role, purpose in ROLES.items():
        allowed = (
            f"`{each.name}` {', '.join(each.operations)}"
            for each in grants(Settings())
            if each.role == role
        )
        lines.append(f"| {role} | {purpose} | {'; '.join(allowed)} |")
    heading = ["| role | who it is | what ACLs have to allow |", "| --- | --- | --- |"]
    return "\n".join([*heading, *lines]) + "\n"


def metrics_reference() -> str:
    """Return every metric, who has it and what it says."""
    lines = [
        f"| `{each.name}` | {each.role} | {', '.join(f'`{label}`' for label in each.labels)}"
        f" | {each.kind} | {_text(each.doc)} |"
        for each in METRICS
    ]
    heading = ["| metric | process | labels | kind | what it says |", "| --- " * 5 + "|"]
    return "\n".join([*heading, *lines]) + "\n"


def avro_reference() -> str:
    """Return what JSON every type of Avro's becomes."""
    lines = (avro.__doc__ or "").splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("|"))


PARTS = {
    "avro": avro_reference,
    "roles": roles_reference,
    "causes": causes_reference,
    "sources": sources_reference,
    "kinds": kinds_reference,
    "settings": settings_reference,
    "operators": operators_reference,
    "steps": steps_reference,
    "metrics": metrics_reference,
}
"""What stands in the README between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""


def between(name: str) -> re.Pattern[str]:
    """Return what finds the part ``name`` of the README."""
    return re.compile(rf"(?<=<!-- {name} -->\n).*(?=<!-- /{name} -->)", re.DOTALL)


def _row(name: str, default: Any, model: type[BaseModel], field: str) -> str:
    return f"| `{name}` | {_shown(default)} | {_text(model.model_fields[field].description)} |"


def _shown(value: Any) -> str:
    if value is None or value == () or isinstance(value, SecretStr):
        return ""
    if isinstance(value, tuple):
        value = ", ".join(value)
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _text(documentation: str | None) -> str:
    return " ".join((documentation or "").replace("``", "`").split())


def main() -> None:
    """Write the reference into the README."""
    text = README.read_text(encoding="utf-8")
    for name, made in PARTS.items():
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        after = rest[rest.index(f"<!-- /{name} -->") :]
        text = f"{before}<!-- {name} -->\n{made()}{after}"
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
