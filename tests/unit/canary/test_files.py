from __future__ import annotations

from pathlib import Path

from streamproc.canary.files import Tails


def grown(tails: Tails) -> dict[str, bytes]:
    return {Path(each.file).name: each.content for each in tails.grown()}


def test_what_was_there_before_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("before\n")
    tails = Tails([str(tmp_path / "*.log")])
    assert grown(tails) == {}
    with (tmp_path / "a.log").open("a") as log:
        log.write("after\n")
    assert grown(tails) == {"a.log": b"after\n"}


def test_what_came_last_is_seen_with_what_comes_next(tmp_path: Path) -> None:
    tails = Tails([str(tmp_path / "*.log")])
    (tmp_path / "a.log").write_text("jane@")
    assert grown(tails) == {"a.log": b"jane@"}
    with (tmp_path / "a.log").open("a") as log:
        log.write("example.com\n")
    assert grown(tails) == {"a.log": b"jane@example.com\n"}
    assert grown(tails) == {}


def test_a_file_that_is_rotated_or_cut_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("a long line before\n")
    tails = Tails([str(log)])
    log.write_text("cut\n")
    assert grown(tails) == {"a.log": b"cut\n"}
    log.rename(tmp_path / "a.log.1")
    log.write_text("rotated, and longer than it was\n")
    assert grown(tails) == {"a.log": b"rotated, and longer than it was\n"}
