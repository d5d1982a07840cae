"""Outcomes of cases as JUnit XML, which CI systems read.

As JUnit's Ant task writes it and Jenkins, GitLab and others read it:
https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from streamproc.effects.trials import Outcome

__all__ = ["junit_xml"]

COVERAGE = "every rule is reached"

NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""


def junit_xml(
    outcomes: Sequence[Outcome], missed: Sequence[str] | None, name: str = "streamproc rules test"
) -> bytes:
    """Return the report: a suite for each file of cases, in the order of ``outcomes``.

    Args:
        outcomes: What became of the cases, those of one file together.
        missed: Rules that no case reaches, which is a failure then; None where that does not count.
        name: Of the whole.
    """
    root = Element("testsuites", name=name)
    for source, group in groupby(outcomes, lambda outcome: outcome.source):
        own = list(group)
        failures = sum(bool(outcome.differences) for outcome in own)
        suite = _suite(root, source, len(own), failures)
        for outcome in own:
            _case(suite, source, outcome.name, outcome.line, _told(outcome))
    if missed is not None:
        suite = _suite(root, "coverage", 1, int(bool(missed)))
        _case(suite, "coverage", COVERAGE, None, [f"no case reaches {name}" for name in missed])
    indent(root)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _suite(root: Element, name: str, tests: int, failures: int) -> Element:
    counts = {"tests": str(tests), "failures": str(failures), "errors": "0", "skipped": "0"}
    return SubElement(root, "testsuite", {"name": _written(name)} | counts)


def _case(suite: Element, source: str, name: str, line: int | None, failed: Sequence[str]) -> None:
    attributes = {"name": _written(name), "classname": _written(source)}
    if line is not None:
        attributes |= {"file": _written(source), "line": str(line)}
    case = SubElement(suite, "testcase", attributes)
    if failed:
        failure = SubElement(case, "failure", type="difference", message=_written(failed[0]))
        failure.text = _written("\n".join(failed))


def _told(outcome: Outcome) -> list[str]:
    return [
        f"{found.where}: expected {found.expected}, got {found.got}"
        for found in outcome.differences
    ]


def _written(text: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
