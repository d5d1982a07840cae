"""Events in, events and manifests out, with the real detector: one folder a case.

A case is ``events.jsonl`` and ``expected.jsonl``, and its ``rules.yaml`` where it does not use the
rules that are shipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from redaction import RING

from streamproc.assemble import make_pipeline
from streamproc.events import DeadLetter, Dropped, Micros, Origin, Outcome, Record
from streamproc.identity import View
from streamproc.settings import RulesSettings, Settings, WorkerSettings

FOLDER = Path(__file__).parent
CASES = sorted(path.parent.name for path in FOLDER.glob("*/events.jsonl"))
ARRIVED = Micros(1_767_607_200_000_000)


@pytest.mark.parametrize("case", CASES)
def test_events_become_what_is_expected(case: str, pytestconfig: pytest.Config) -> None:
    folder = FOLDER / case
    rules = folder / "rules.yaml"
    assert pytestconfig.cache
    settings = Settings(
        rules=RulesSettings(directory=rules if rules.exists() else None),
        worker=WorkerSettings(directory=pytestconfig.cache.mkdir("patterns")),
    )
    outcomes = make_pipeline(settings, RING, View()).run(list(records(folder))).outcomes
    made = b"".join(orjson.dumps(told(outcome)) + b"\n" for outcome in outcomes)
    expected = folder / "expected.jsonl"
    if pytestconfig.getoption("--update-golden", default=False):
        expected.write_bytes(made)
    assert made.decode().splitlines() == expected.read_text(encoding="utf-8").splitlines()


def records(folder: Path) -> Iterator[Record]:
    for number, line in enumerate((folder / "events.jsonl").read_bytes().splitlines()):
        yield Record(Origin("raw", 0, number), b"key", line, ARRIVED)


def told(outcome: Outcome) -> dict[str, object]:
    # Without the ruleset's fingerprint: it changes with every release of a recognizer.
    if isinstance(outcome, DeadLetter):
        return {
            "dead": f"{outcome.stage}.{outcome.code}",
            "path": outcome.path,
            "view": orjson.Fragment(outcome.view),
        }
    if isinstance(outcome, Dropped):
        return {"dropped": outcome.rule}
    return {
        "event": orjson.Fragment(outcome.payload),
        "identity": outcome.identity_id,
        "manifest": [[entry.path, *entry[2:4]] for entry in outcome.manifest],
    }
