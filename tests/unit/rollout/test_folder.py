from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from processes import wait_until
from structlog.testing import capture_logs

from streamproc.assemble import Assembly
from streamproc.errors import ConfigError
from streamproc.events import Micros, Origin, Record
from streamproc.identity import View
from streamproc.redact import KeyRing
from streamproc.rollout import Part, Pipelines, folder
from streamproc.rollout.bundle import read_bundle
from streamproc.rollout.folder import FolderRules
from streamproc.settings import Settings

RING = KeyRing("k1", {"k1": bytes(32)})
RULESET = """\
version: 1
name: own
entities: [EMAIL_ADDRESS]
operators: {default: %s}
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderRules]:
    """Rules of a folder with a ruleset whose operator is redact."""
    monkeypatch.setattr(folder, "LOOK_SECONDS", 0.05)
    write(tmp_path, "redact")
    pipelines = Pipelines(Assembly(Settings(), RING, View()).pipeline)
    watched = FolderRules(tmp_path, "raw", pipelines)
    watched.start()
    yield watched
    assert watched._thread.is_alive()
    watched.close()


def write(place: Path, operator: str) -> None:
    (place / "own.yaml").write_text(RULESET % operator)


def records(partition: int, first: int, following: int) -> list[Record]:
    return [
        Record(Origin("raw", partition, offset), None, b"{}", Micros(0))
        for offset in range(first, following)
    ]


def split(rules: FolderRules, *place: int) -> Sequence[Part]:
    return asyncio.run(rules.split(records(*place)))


def fingerprints(rules: FolderRules, *place: int) -> list[tuple[str, int]]:
    return [(part.pipeline.ruleset, len(part.records)) for part in split(rules, *place)]


def in_force(rules: FolderRules) -> object:
    return rules.progress()["rules"]


def changed_from(rules: FolderRules, before: object) -> Callable[[], bool]:
    return lambda: in_force(rules) != before


def test_a_changed_ruleset_takes_over_at_the_next_record_of_each_partition(
    rules: FolderRules, tmp_path: Path
) -> None:
    ((first, _),) = fingerprints(rules, 0, 0, 10)
    before = in_force(rules)
    write(tmp_path, "mask")
    wait_until(changed_from(rules, before))

    ((other, _),) = fingerprints(rules, 1, 5, 8)
    assert other != first
    assert fingerprints(rules, 0, 10, 12) == [(other, 2)]
    # What is read again is decided as it was.
    assert fingerprints(rules, 0, 8, 12) == [(first, 2), (other, 2)]


def test_a_ruleset_that_is_not_in_order_changes_nothing_and_is_told_once(
    rules: FolderRules, tmp_path: Path
) -> None:
    before = in_force(rules)
    with capture_logs() as logs:
        write(tmp_path, "shred")
        wait_until(lambda: rules.progress()["rules_refused"] == 1)
        wait_until(lambda: rules._glimpsed == rules._seen)
        write(tmp_path, "mask")
        wait_until(changed_from(rules, before))

    told = [(each["log_level"], each["event"]) for each in logs]
    assert told == [
        ("error", "rules cannot be used, those in force stay"),
        ("info", "rules have changed"),
    ]
    assert "own.yaml:4" in logs[0]["problems"][0]


def test_the_same_mistake_is_told_again_when_it_is_made_again(
    rules: FolderRules, tmp_path: Path
) -> None:
    for number, operator in enumerate(("mask", "hash"), start=1):
        write(tmp_path, "shred")
        wait_until(lambda number=number: rules.progress()["rules_refused"] == number)
        before = in_force(rules)
        write(tmp_path, operator)
        wait_until(changed_from(rules, before))


def test_rules_that_cannot_be_used_here_do_not_stand_in_the_way_of_the_next(
    rules: FolderRules, tmp_path: Path
) -> None:
    before = in_force(rules)
    write(tmp_path, "{encrypt: {per_subject: true}}")  # there is no store of people's keys
    wait_until(lambda: rules.progress()["rules_refused"] == 1)
    assert in_force(rules) == before
    write(tmp_path, "mask")
    wait_until(changed_from(rules, before))

    assert len(split(rules, 0, 0, 10)) == 1


def test_whatever_goes_wrong_with_the_folder_is_told_and_the_watch_goes_on(
    rules: FolderRules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = in_force(rules)

    def gone(_: Path) -> dict[str, str]:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(folder, "read_bundle", gone)
        wait_until(lambda: rules.progress()["rules_refused"] == 1)
    write(tmp_path, "mask")
    wait_until(changed_from(rules, before))

    assert [each["log_level"] for each in logs] == ["error"]
    assert "PermissionError" in logs[0]["problems"][0]


def test_a_folder_that_kubernetes_swaps_takes_over_as_a_whole(
    rules: FolderRules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a ConfigMap is mounted: files link to ``..data``, which links to a folder of its time."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for file in ("own.yaml", "allowed.txt"):
        (mounted / file).symlink_to(Path("..data", file))
    swap(mounted, "..2026_01_01", "redact")
    monkeypatch.setattr(rules, "_place", mounted)
    before = in_force(rules)
    swap(mounted, "..2026_01_02", "mask")
    wait_until(changed_from(rules, before))

    own = [name for name in read_bundle(mounted) if not name.startswith("recognizers/")]
    assert own == ["allowed.txt", "own.yaml"]


def swap(mounted: Path, name: str, operator: str) -> None:
    """Have the files be those of a new folder, all at once."""
    (mounted / name).mkdir()
    (mounted / name / "own.yaml").write_text(RULESET % operator)
    (mounted / name / "allowed.txt").write_text("somebody@example.com\n")
    (mounted / "..next").symlink_to(name)
    (mounted / "..next").replace(mounted / "..data")
    for old in mounted.glob("..2*"):
        if old.name != name:
            shutil.rmtree(old)


def test_a_folder_that_is_gone_changes_nothing(rules: FolderRules, tmp_path: Path) -> None:
    before = in_force(rules)
    (tmp_path / "own.yaml").unlink()
    wait_until(lambda: rules.progress()["rules_refused"] == 1)

    assert in_force(rules) == before
    assert len(split(rules, 0, 0, 10)) == 1


def test_a_file_that_is_being_written_is_not_taken_for_a_ruleset(
    rules: FolderRules,
) -> None:
    # The moment cannot be hit from outside.
    assert not rules._is_new("half")
    assert not rules._is_new("whole")
    assert rules._is_new("whole")
    assert not rules._is_new("whole")


def test_a_comment_changes_nothing(rules: FolderRules, tmp_path: Path) -> None:
    before = in_force(rules)
    (tmp_path / "own.yaml").write_text("# why\n" + RULESET % "redact")
    (tmp_path / "own.yaml").write_text("# why\n" + RULESET % "redact")
    with capture_logs() as logs:
        write(tmp_path, "mask")
        wait_until(changed_from(rules, before))

    assert [each["event"] for each in logs] == ["rules have changed"]


def test_a_worker_does_not_start_with_a_ruleset_that_is_not_in_order(tmp_path: Path) -> None:
    write(tmp_path, "shred")
    rules = FolderRules(tmp_path, "raw", Pipelines(Assembly(Settings(), RING, View()).pipeline))

    with pytest.raises(ConfigError) as raised:
        rules.start()
    assert raised.value.problems[0].source == str(tmp_path / "own.yaml")
