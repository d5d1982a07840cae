"""Rules: what operations people write about personal data, read strictly and made ready to use.

    YAML file ──load_ruleset──▶ Ruleset (frozen, fingerprinted) ──Plan──▶ Field → LeafPolicy

The language, version 1, is the models of :mod:`.language`; field paths are :mod:`.paths`,
conditions :mod:`.conditions`. Which rules are in force for an event is :mod:`.scope`; what these
say about one of its fields, :mod:`.plan`; and about one finding in it, :mod:`.narrowing`. What
contradicts itself is refused (:mod:`.consistency`), what is odd is told (:mod:`.lint`).
``rules/default.yaml`` is the ruleset that is shipped, and the example to copy.

A folder of rules holds exactly one ruleset, in one ``*.yaml`` file: what decides about an event can
be read from top to bottom, and no order of files has to be known. Beside it, a folder
``recognizers`` may hold own recognizers, in Presidio's format (:mod:`.recognizers`); each of its
files is a group, by whose name a ruleset takes all that the file finds.

    recognizers/*.yaml ──load_recognizers──▶ Recognizers (definitions, groups) ──▶ Ruleset

Imports ``errors``, ``shipped``, what ``detect`` says of definitions, checksums and field names,
regex, pydantic and ruamel.yaml only. It reads files when asked to; nothing else here
touches the world.
"""

from streamproc.rules.check import Checked, Surroundings, check_ruleset
from streamproc.rules.language import LANGUAGE_VERSION, SEARCHABLE, Rule, Ruleset
from streamproc.rules.load import load_ruleset, parse_ruleset, ruleset_file
from streamproc.rules.load_recognizers import Recognizers, load_recognizers, parse_recognizers
from streamproc.rules.operators import (
    DateShift,
    Drop,
    DropEvent,
    Encrypt,
    FormatPreserve,
    Generalise,
    Hash,
    Keep,
    Mask,
    Operator,
    Redact,
    Replace,
    TruncateIp,
)
from streamproc.rules.paths import FieldPath
from streamproc.rules.plan import Action, Field, LeafPolicy, Plan, Policies
from streamproc.rules.scope import Active, Scope

__all__ = [
    "LANGUAGE_VERSION",
    "SEARCHABLE",
    "Action",
    "Active",
    "Checked",
    "DateShift",
    "Drop",
    "DropEvent",
    "Encrypt",
    "Field",
    "FieldPath",
    "FormatPreserve",
    "Generalise",
    "Hash",
    "Keep",
    "LeafPolicy",
    "Mask",
    "Operator",
    "Plan",
    "Policies",
    "Recognizers",
    "Redact",
    "Replace",
    "Rule",
    "Ruleset",
    "Scope",
    "Surroundings",
    "TruncateIp",
    "check_ruleset",
    "load_recognizers",
    "load_ruleset",
    "parse_recognizers",
    "parse_ruleset",
    "ruleset_file",
]
