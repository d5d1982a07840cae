"""What workers found of a ruleset that they try: put together, and what it decides."""

from __future__ import annotations

import pytest

from streamproc.effects.difference import ELSEWHERE
from streamproc.effects.protection import KINDS, Kind
from streamproc.rollout.shadow_report import (
    MOST_CHANGES,
    WHOLE_EVENTS,
    ChangeCount,
    Found,
    ShadowReport,
    TurnCount,
    decode_report,
    encode_report,
    is_report,
    less_protected,
    together,
)
from streamproc.rollout.status import WorkerStatus, decode_status, encode_status


def change(kind: Kind = "exposed", path: str = "properties.a", events: int = 1) -> ChangeCount:
    return ChangeCount(
        kind=kind, path=path, entity="E", operator="hash", new_operator="keep", events=events
    )


def report(*changes: ChangeCount, against: int = 1, rows: int = 0) -> ShadowReport:
    turns = (TurnCount(before="dropped", after="row", events=rows),) if rows else ()
    return ShadowReport(
        ruleset=2,
        against=against,
        topic="raw",
        compared=10,
        missed=1,
        changes=changes,
        turns=turns,
        seconds=0.5,
        new_seconds=1.0,
    )


def test_a_report_is_read_as_it_was_written_and_is_no_worker_s_status() -> None:
    key, value = encode_report(report(change(), rows=3), "w/1", "n")

    assert is_report(key)
    assert decode_report(value) == report(change(), rows=3)
    assert decode_status(value) is None


def test_a_worker_s_status_is_no_report() -> None:
    key, value = encode_status(WorkerStatus(worker="w", version="1", topic="raw"))

    assert not is_report(key)
    assert decode_report(value) is None


def test_reports_of_all_workers_are_added_up() -> None:
    both = together([report(change(events=2), rows=1), report(change(events=3), rows=4)], 2, 1)

    assert (both.compared, both.missed, both.seconds, both.new_seconds) == (20, 2, 1.0, 2.0)
    assert both.changes == (change(events=5),)
    assert both.turns == (TurnCount(before="dropped", after="row", events=5),)


def test_reports_about_other_rulesets_do_not_count() -> None:
    found = together([report(change(), against=7)], 2, 1)

    assert (found.compared, found.changes) == (0, ())


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_hides_less_is_less_protected(kind: Kind) -> None:
    found = less_protected(report(change(kind)))

    assert bool(found) == (kind in {"exposed", "weakened"})


def test_what_is_less_protected_is_told_by_path_the_most_events_first() -> None:
    found = less_protected(
        report(change(), change("weakened", events=4), change(path="properties.b", events=9))
    )

    assert found == [
        Found("properties.b", frozenset({"exposed"}), 9),
        Found("properties.a", frozenset({"exposed", "weakened"}), 5),
    ]


def test_paths_that_are_allowed_do_not_count() -> None:
    both = report(change(), change(path="properties.b"))

    assert [each.path for each in less_protected(both, ["properties.a"])] == ["properties.b"]
    assert not less_protected(both, ["properties.a", "properties.b"])


def test_events_that_become_rows_count_until_they_are_allowed() -> None:
    assert [each.path for each in less_protected(report(rows=3))] == [WHOLE_EVENTS]
    assert not less_protected(report(rows=3), [WHOLE_EVENTS])


def test_more_changes_than_are_told_apart_still_count() -> None:
    many = [change(path=f"properties.p{n}", events=n + 2) for n in range(MOST_CHANGES)]
    rest = [change(path="properties.z"), change("protected", "properties.z")]

    both = together([report(*many, *rest)], 2, 1)

    assert len(both.changes) == MOST_CHANGES + 2
    assert {(each.kind, each.path) for each in both.changes[-2:]} == {
        ("exposed", ELSEWHERE),
        ("protected", ELSEWHERE),
    }
    assert ELSEWHERE in {each.path for each in less_protected(both)}
