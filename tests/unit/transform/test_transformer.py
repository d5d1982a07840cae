from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from streamproc.errors import ConfigError, EventError
from streamproc.transform import Transformer, load_code
from streamproc.transform.process import Limits
from streamproc.transform.runner import MOST_DEATHS, Given, TransformDropped

VALUE = "jane@example.com"

LIMITS = Limits(seconds=1.0, memory_bytes=400_000_000)


class Folder:
    """A folder of transformations that is being written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._started: list[Transformer] = []

    def add(self, source: str, name: str = "one", room: str = "after") -> Folder:
        (self.root / room).mkdir(exist_ok=True)
        (self.root / room / f"{name}.py").write_text(source)
        return self

    def run(self, events: Sequence[Any], limits: Limits = LIMITS) -> list[Any]:
        return self.start(limits).run(list(map(given, events)))

    def start(self, limits: Limits = LIMITS) -> Transformer:
        transformer = Transformer(load_code(self.root), "after", limits)
        self._started.append(transformer)
        return transformer

    def close(self) -> None:
        for transformer in self._started:
            transformer.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.close()


def event(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": f"m-{number}", "event": "Seen", "n": number} | more


def given(body: dict[str, Any]) -> Given:
    return Given(body, {"messageId": body["messageId"], "topic": "events.raw"})


def told(made: Any) -> str:
    assert isinstance(made, EventError)
    assert made.stage == "transform"
    return f"{made.code} {made.path}".strip()


# -- what transformations do ----------------------------------------------------------------------


def test_an_event_is_changed_and_another_dropped(folder: Folder) -> None:
    folder.add("""
def transform_event(event, metadata):
    if event["n"] == 1:
        return None
    event["topic"] = metadata(event)["topic"]
    log("seen")
    return event
""")
    assert folder.run([event(0), event(1), event(2)]) == [
        event(0, topic="events.raw"),
        TransformDropped("one"),
        event(2, topic="events.raw"),
    ]


def test_a_batch_is_returned_in_any_order_and_in_part(folder: Folder) -> None:
    folder.add("""
def transform_batch(events, metadata):
    kept = [dict(event, of=len(events)) for event in events if event["n"] != 1]
    return list(reversed(kept))
""")
    assert folder.run([event(0), event(1), event(2)]) == [
        event(0, of=3),
        TransformDropped("one"),
        event(2, of=3),
    ]


def test_transformations_follow_each_other_by_name_and_use_libraries(folder: Folder) -> None:
    folder.add("SIGN = '!'\n", "signs", "libraries")
    folder.add(
        "import signs\ndef transform_event(e, m):\n  e['event'] += signs.SIGN\n  return e\n", "b"
    )
    folder.add("def transform_event(e, m):\n  e['event'] = 'First'\n  return e\n", "a")
    assert folder.run([event()]) == [event(event="First!")]


def test_what_is_made_from_nothing_is_left_out(folder: Folder) -> None:
    folder.add("def transform_batch(events, m):\n  return events + [{'messageId': 'new'}]\n")
    assert folder.run([event(0), event(1)]) == [event(0), event(1)]


# -- what they do wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ValueError(event['email'])", "raised one.py:2 ValueError"),
        ("return event['missing']", "raised one.py:2 KeyError"),
        ("raise type(event['email'], (Exception,), {})()", "raised one.py:2 Exception"),
        ("import sys; sys.exit(event['email'])", "raised one.py:2 SystemExit"),
        ("return [event, event]", "several_events one"),
        ("return event['email']", "no_event one"),
        ("event['x'] = {1, 2}; return event", "not_json"),
        ("event['x'] = event; return event", "not_json"),
        ("event['x'] = 1 << 80; return event", "not_json"),
        ("event['messageId'] = 'other'; return event", "changed_field messageId"),
        ("event['userId'] = event['email']; return event", "changed_field userId"),
        ("return {}", "changed_field type"),
        ("import os; os._exit(0)", "process_ended one"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "process_ended one"),
        ("while True: pass", "timed_out one"),
        ("import time; time.sleep(60)", "timed_out one"),
    ],
)
def test_what_goes_wrong_costs_its_event_alone_and_tells_no_value(
    folder: Folder, body: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder.add(
        f"def transform_event(event, metadata):\n  if event['n'] == 1: {body}\n  return event\n"
    )
    if ";" in body or body.startswith("while"):
        lines = "\n    ".join(part.strip() for part in body.split(";"))
        folder.add(
            "def transform_event(event, metadata):\n"
            f"  if event['n'] == 1:\n    {lines}\n  return event\n"
        )
    events = [event(number, email=VALUE) for number in range(5)]
    made = folder.run(events)
    assert told(made[1]).replace("one.py:3", "one.py:2").replace("one.py:4", "one.py:2") == expected
    assert made[:1] + made[2:] == events[:1] + events[2:]
    shown = capfd.readouterr()
    assert VALUE not in shown.out + shown.err + repr(made[1])


def test_memory_is_bounded(folder: Folder) -> None:
    folder.add(
        "def transform_event(event, m):\n  x = 'a' * (event['n'] * 1_000_000_000)\n  return event\n"
    )
    made = folder.run([event(0), event(1), event(0)])
    assert told(made[1]) == "raised one.py:2 MemoryError"
    assert made[0] == made[2] == event(0)


@pytest.mark.parametrize("body", ["raise ValueError", "import os; os._exit(1)", "while True: pass"])
def test_a_batch_that_one_event_fails_is_tried_in_parts(folder: Folder, body: str) -> None:
    folder.add(
        "def transform_batch(events, metadata):\n"
        f"  if any(event['n'] == 5 for event in events):\n    {body}\n"
        "  return [dict(event, seen=True) for event in events]\n"
    )
    made = folder.run([event(number) for number in range(8)], LIMITS._replace(seconds=0.2))
    assert isinstance(made[5], EventError)
    del made[5]
    assert made == [event(number, seen=True) for number in range(8) if number != 5]


def test_a_transformation_that_always_hangs_is_given_up_within_a_bound(folder: Folder) -> None:
    folder.add("def transform_event(event, metadata):\n  while True: pass\n")
    made = folder.run([event(number) for number in range(100)], LIMITS._replace(seconds=0.05))
    codes = [each.code for each in made if isinstance(each, EventError)]
    assert codes.count("timed_out") <= MOST_DEATHS
    assert codes.count("timed_out") + codes.count("given_up") == 100


def test_a_batch_that_is_slow_as_a_whole_is_done_in_parts(folder: Folder) -> None:
    folder.add(
        "import time\ndef transform_event(event, metadata):\n  time.sleep(0.02)\n  return event\n"
    )
    events = [event(number) for number in range(20)]
    assert folder.run(events, LIMITS._replace(seconds=0.3)) == events


def test_the_process_has_neither_the_workers_environment_nor_its_output(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMPROC_KEYS_RING", VALUE)
    folder.add("""
import os, sys
def transform_event(event, metadata):
    print(event["email"]); print(event["email"], file=sys.stderr); log(event["email"])
    event["environment"] = sorted(key for key in os.environ if key != "LC_CTYPE")
    return event
""")
    assert folder.run([event(email=VALUE)]) == [event(email=VALUE, environment=[])]
    shown = capfd.readouterr()
    assert VALUE not in shown.out + shown.err


def test_a_large_batch_crosses_whole(folder: Folder) -> None:
    folder.add("def transform_event(event, metadata):\n  return event\n")
    events = [event(number, text="x" * 10_000) for number in range(500)]
    assert folder.run(events) == events


def test_what_cannot_be_imported_is_no_answer_about_events(folder: Folder) -> None:
    folder.add(
        "import nothing_of_the_kind\ndef transform_event(event, metadata):\n  return event\n"
    )
    with pytest.raises(ConfigError, match=r"one\.py:1: cannot be imported: ModuleNotFoundError"):
        folder.run([event()])


# -- the folder -----------------------------------------------------------------------------------


def test_every_problem_of_the_folder_is_told_at_once(folder: Folder) -> None:
    folder.add("def transform_event(event):\n  return event\n", "a")
    folder.add("x = 1\n", "b")
    folder.add("def (:\n", "c")
    folder.add("def transform_batch(e, m): ...\ndef transform_event(e, m): ...\n", "d")
    folder.add("def transform_event(e, m): ...\n", "e")
    folder.add("def transform_event(e, m): ...\n", "e", "before")
    (folder.root / "stray.py").write_text("")
    (folder.root / "other").mkdir()
    with pytest.raises(ConfigError) as raised:
        load_code(folder.root)
    problems = [(Path(each.source).name, each.line) for each in raised.value.problems]
    assert sorted(problems, key=str) == [
        ("a.py", 1),
        ("b.py", None),
        ("c.py", 1),
        ("d.py", None),
        ("e.py", None),
        ("other", None),
        ("stray.py", None),
    ]


def test_the_fingerprint_is_of_names_and_contents(folder: Folder) -> None:
    folder.add("def transform_event(e, m):\n  return e\n")
    before = load_code(folder.root).fingerprint
    assert load_code(folder.root).fingerprint == before
    folder.add("X = 1\n", "x", "libraries")
    assert load_code(folder.root).fingerprint != before


def test_nothing_is_written_to_disk(folder: Folder, tmp_path: Path) -> None:
    target = tmp_path / "leak.txt"
    folder.add(f"""
def transform_event(event, metadata):
    with open({str(target)!r}, "w") as file:
        file.write(event["email"])
    return event
""")
    assert told(folder.run([event(email=VALUE)])[0]).endswith("OSError")
    assert target.stat().st_size == 0
