from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from streamproc.canaries.leaks import Text
from streamproc.demo import Planted
from streamproc.demo import check as check_module
from streamproc.demo.check import LeakCheck, file_chunks, log_lines, warehouse_rows

EMAIL = Planted("email", "priya.raman1@example.com", "traits.email", "m1")
AGAIN = Planted("email", "priya.raman1@example.com", "context.traits.email", "m2")
PHONE = Planted("phone", "212-555-0143", "traits.phone", "m1")


@pytest.fixture
def check() -> LeakCheck:
    return LeakCheck([EMAIL, AGAIN, PHONE])


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE tracks (id VARCHAR, properties JSON, raw BLOB)")
        connection.execute("CREATE TABLE other (note VARCHAR[])")
        connection.execute(
            "INSERT INTO tracks VALUES ('m7', ?, ?)",
            ['{"a":"priya.raman1%40example.com"}', b"\x00"],
        )
        connection.execute("INSERT INTO other VALUES (['call', '2125550143'])")
    return file


def test_a_leak_in_any_column_of_any_table_is_told_by_place_and_event(
    check: LeakCheck, warehouse: Path
) -> None:
    check.search("warehouse rows", warehouse_rows(warehouse))

    assert [(leak.kind, leak.place, leak.message_id) for leak in check.leaks] == [
        ("phone", "other.note", "m1"),
        ("email", "tracks.properties", "m7"),
    ]
    assert check.searched == {"warehouse rows": 4}


def test_a_leak_never_holds_the_value(check: LeakCheck) -> None:
    check.search("logs", [Text("worker.log:1", None, EMAIL.value.encode())])

    assert EMAIL.value not in repr(check.leaks)


def test_a_value_that_leaked_once_counts_as_leaked_wherever_it_was_planted(
    check: LeakCheck,
) -> None:
    assert check.redacted_by_kind() == check.planted_by_kind() == {"email": 2, "phone": 1}

    check.search("logs", [Text("worker.log:1", None, EMAIL.value.encode())])

    assert check.redacted_by_kind() == {"phone": 1}


def test_a_value_across_two_chunks_of_a_file_is_found(
    check: LeakCheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_module, "CHUNK_BYTES", 4096)
    file = tmp_path / "raw.bin"
    file.write_bytes(b"." * (4096 - 10) + EMAIL.value.encode() + b"." * 9000)

    check.search("file", file_chunks(file))

    assert [leak.place for leak in check.leaks] == ["raw.bin (bytes)"]


def test_log_lines_are_told_by_number(check: LeakCheck, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text(f"fine\nfailed for {PHONE.value}\n")

    check.search("logs", log_lines(log))

    assert [leak.place for leak in check.leaks] == ["worker.log:2"]
