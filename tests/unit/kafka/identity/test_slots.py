from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from streamproc.errors import ConfigError
from streamproc.events import Micros
from streamproc.kafka.identity.rocks import DAMAGED
from streamproc.kafka.identity.slots import READ_TO_END, Slot, Source, take_slot

MEMORY = 8 * 1_024 * 1_024
HOUR = 3_600_000_000
NOW = 1_750_000_000_000_000
SOURCE = Source("cluster", {"links": "id-1", "attributes": "id-2"}, "f00d")


def taken(directory: Path, source: Source = SOURCE, now: int = NOW) -> Slot:
    return take_slot(directory, source, MEMORY, Micros(now))


def begin(directory: Path) -> Path:
    """Leave a state with one entry; return its folder."""
    slot = taken(directory)
    slot.store.put(b"entry", b"1")
    slot.close()
    return slot.folder


def has_entry(directory: Path, source: Source = SOURCE, now: int = NOW) -> bool:
    slot = taken(directory, source, now)
    try:
        return slot.store.get(b"entry") is not None
    finally:
        slot.close()


def test_the_next_process_goes_on_with_what_the_last_one_left(tmp_path: Path) -> None:
    begin(tmp_path)

    assert has_entry(tmp_path)


def test_processes_at_the_same_time_have_slots_of_their_own(tmp_path: Path) -> None:
    first, second = taken(tmp_path), taken(tmp_path)
    assert (first.folder.name, second.folder.name) == ("0", "1")

    first.close()
    third = taken(tmp_path)
    assert third.folder.name == "0"
    second.close()
    third.close()


def test_a_slot_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, pathlib\n"
        "from streamproc.kafka.identity.slots import Source, take_slot\n"
        "source = Source('cluster', {'links': 'id-1', 'attributes': 'id-2'}, 'f00d')\n"
        f"slot = take_slot(pathlib.Path(sys.argv[1]), source, {MEMORY}, {NOW})\n"
        "slot.store.put(b'entry', b'1'); slot.store.commit()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)

    slot = taken(tmp_path)
    assert slot.folder.name == "0"
    assert slot.store.get(b"entry") == b"1"
    slot.close()


@pytest.mark.parametrize(
    "other",
    [
        replace(SOURCE, topics={"links": "id-9", "attributes": "id-2"}),
        replace(SOURCE, configuration="beef"),
    ],
    ids=["topic-made-anew", "other-configuration"],
)
def test_a_state_of_something_else_is_made_anew(tmp_path: Path, other: Source) -> None:
    begin(tmp_path)

    with structlog.testing.capture_logs() as lines:
        assert not has_entry(tmp_path, other)

    assert [line["event"] for line in lines] == ["identity state is read anew"]
    assert not has_entry(tmp_path)


def test_other_clusters_and_topics_have_folders_of_their_own(tmp_path: Path) -> None:
    begin(tmp_path)

    assert not has_entry(tmp_path, replace(SOURCE, cluster="other"))
    assert not has_entry(tmp_path, replace(SOURCE, topics={"links": "id-1", "traits": "id-2"}))
    assert has_entry(tmp_path)


@pytest.mark.parametrize(("hours", "kept"), [(19, True), (21, False)])
def test_a_state_so_old_that_deletions_may_have_been_missed_is_made_anew(
    tmp_path: Path, hours: int, kept: bool
) -> None:
    begin(tmp_path)

    assert has_entry(tmp_path, now=NOW + hours * HOUR) is kept


def test_reading_to_the_end_keeps_a_state_young(tmp_path: Path) -> None:
    slot = taken(tmp_path)
    slot.store.put(b"entry", b"1")
    slot.store.put(READ_TO_END, str(NOW + 10 * HOUR).encode())
    slot.close()

    assert has_entry(tmp_path, now=NOW + 21 * HOUR)


def damage_manifest(folder: Path) -> None:
    for manifest in folder.glob("MANIFEST-*"):
        manifest.write_bytes(b"nonsense")


def damage_tables(folder: Path) -> None:
    for table in folder.glob("*.sst"):
        table.write_bytes(b"nonsense")


def lose_pointer(folder: Path) -> None:
    (folder / "CURRENT").unlink()


def mark(folder: Path) -> None:
    (folder / DAMAGED).touch()


@pytest.mark.parametrize("damage", [damage_manifest, damage_tables, lose_pointer, mark])
def test_a_damaged_state_is_made_anew_with_a_warning(tmp_path: Path, damage: object) -> None:
    folder = begin(tmp_path)
    assert callable(damage)
    damage(folder)

    with structlog.testing.capture_logs() as lines:
        assert not has_entry(tmp_path)

    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "identity state is read anew")
    ]
    assert not (folder / DAMAGED).exists()


def test_a_folder_that_cannot_be_made_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"^settings: identity\.directory: cannot be written to"):
        taken(tmp_path / "file")


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    slot = taken(tmp_path / "identity")

    assert slot.folder.parent.stat().st_mode & 0o077 == 0
    slot.close()
