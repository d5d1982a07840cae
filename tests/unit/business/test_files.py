from __future__ import annotations

import io
from pathlib import Path

import pytest

from streamproc.business.files import MOST_LINE_BYTES, json_lines, read_file
from streamproc.business.records import SourceRow
from streamproc.errors import ConfigError


def rows_of(folder: Path, name: str, content: bytes, *columns: str) -> list[SourceRow]:
    file = folder / name
    file.write_bytes(content)
    return list(read_file(file, columns))


def test_a_line_of_csv_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfid,plan\n1,"a\nb"\n2\n"3"x,y\n\n4,\xff\n5,c'

    rows = rows_of(tmp_path, "a.csv", content, "id", "plan")

    assert [(row.line, row.values and row.values["id"]) for row in rows] == [
        (3, "1"),
        (4, None),
        (5, None),
        (7, "4"),
        (8, "5"),
    ]


def test_a_field_and_a_line_have_an_end(tmp_path: Path) -> None:
    long = b"x" * (MOST_LINE_BYTES + 10)

    fields = rows_of(tmp_path, "a.csv", b"id\n1\n" + long + b"\n2\n", "id")
    lines = list(json_lines(io.BytesIO(b"{}\n" + long * 3 + b"\n{}\n")))

    assert [row.line for row in fields if row.values is None] == [3]
    assert len(fields) == 3
    assert lines == [(1, b"{}\n"), (2, None), (3, b"{}\n")]


def test_lines_of_json_that_are_no_objects_are_named(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "a.jsonl", b'{"id":1}\n\n[1]\nno\n{"id":2}', "id")

    assert [(row.line, row.values) for row in rows] == [
        (1, {"id": 1}),
        (3, None),
        (4, None),
        (5, {"id": 2}),
    ]


def test_every_column_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        rows_of(tmp_path, "a.csv", b"id,Plan\n", "id", "plan", "seats")

    assert [problem.path for problem in refused.value.problems] == ["plan", "seats"]


def test_rows_do_not_show_their_values(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, "a.csv", b"id\nsecret\n", "id")

    assert "secret" not in repr(row)
