import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streamproc.audit import FIRST, append, entry, fingerprint_of, verify
from streamproc.errors import ConfigError

WHEN = datetime(2024, 3, 9, 10, 11, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "audit.log"
    append(file, [entry("reveal", WHEN, reason=f"ticket {number}") for number in range(4)])
    return file


def test_an_entry_says_who_and_when_whatever_variables_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert entry("reveal", WHEN, reason="why") == {
        "time": "2024-03-09T10:11:12.000+00:00",
        "action": "reveal",
        "who": pwd.getpwuid(os.getuid()).pw_name,
        "reason": "why",
    }


def test_each_line_has_the_hash_of_the_line_before(log: Path) -> None:
    append(log, [entry("forget", WHEN)])
    lines = log.read_bytes().splitlines()
    assert len(lines) == 5
    previous = FIRST
    for line in lines:
        assert json.loads(line)["previous"] == previous
        previous = hashlib.sha256(line).hexdigest()
    assert verify(log) == (5, previous, None)


def test_the_log_is_its_owner_s_alone(log: Path) -> None:
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_writers_at_once_keep_the_chain(log: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: append(log, [entry("reveal", WHEN)] * 3), range(12)))
    assert verify(log)[::2] == (40, None)


def changed(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"ticket", b"nothing"), *lines[2:]]


def taken_out(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


def put_in(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b'{"previous": "0"}', *lines[2:]]


def swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], lines[3]]


def first_gone(lines: list[bytes]) -> list[bytes]:
    return lines[1:]


def no_json(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], b"never mind"]


@pytest.mark.parametrize(
    ("tamper", "whole", "broken"),
    [
        (changed, 2, "follow"),
        (taken_out, 1, "follow"),
        (put_in, 2, "follow"),
        (swapped, 1, "follow"),
        (first_gone, 0, "follow"),
        (no_json, 3, "JSON"),
    ],
)
def test_a_line_that_was_tampered_with_breaks_the_chain(
    log: Path, tamper: Callable[[list[bytes]], list[bytes]], whole: int, broken: str
) -> None:
    log.write_bytes(b"\n".join([*tamper(log.read_bytes().splitlines()), b""]))
    found = verify(log)
    assert found.lines == whole
    assert found.broken is not None
    assert broken in found.broken


def test_lines_cut_off_at_the_end_are_missed_where_the_last_one_was_noted(log: Path) -> None:
    noted = verify(log).last
    append(log, [entry("reveal", WHEN)])
    assert verify(log, noted).broken is None
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:3]))
    assert verify(log).broken is None
    assert verify(log, noted).broken is not None


def test_a_log_put_back_to_an_earlier_copy_is_told_by_what_was_noted_since(log: Path) -> None:
    earlier = log.read_bytes()
    append(log, [entry("reveal", WHEN, reason="the one to hide")])
    noted = verify(log).last
    log.write_bytes(earlier)
    append(log, [entry("reveal", WHEN, reason="what came after")])
    assert verify(log).broken is None  # in itself it is whole: what was noted elsewhere tells
    assert verify(log, noted).broken == "is missing: the line that was noted is not there"


def test_another_log_in_its_place_is_told_by_what_was_noted(log: Path) -> None:
    noted = verify(log).last
    log.unlink()
    append(log, [entry("reveal", WHEN, reason=f"made up {number}") for number in range(9)])
    assert verify(log).broken is None
    assert verify(log, noted).broken is not None


def test_two_copies_that_went_on_apart_cannot_be_made_one(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "copy.log"
    other.write_bytes(log.read_bytes())
    append(log, [entry("reveal", WHEN, reason="here")])
    append(other, [entry("reveal", WHEN, reason="there")])
    log.write_bytes(log.read_bytes() + other.read_bytes().splitlines(keepends=True)[-1])
    assert verify(log)[::2] == (5, "does not follow on the line before it")


def test_any_byte_that_is_changed_breaks_the_chain_or_is_missed_at_its_end(log: Path) -> None:
    whole = log.read_bytes()
    noted = verify(log).last
    for place in range(len(whole)):
        log.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert verify(log, noted).broken is not None, place


def test_processes_that_write_at_once_keep_the_chain(log: Path) -> None:
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from streamproc.audit import append, entry\n"
        "for _ in range(20): append(Path(sys.argv[1]), [entry('reveal', datetime.now(UTC))] * 2)"
    )
    command = [sys.executable, "-c", code, str(log)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert verify(log)[::2] == (4 + 3 * 20 * 2, None)


def test_a_log_that_ends_within_a_line_takes_no_other(log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-5])
    with pytest.raises(ConfigError, match="ends within a line"):
        append(log, [entry("reveal", WHEN)])
    assert verify(log)[::2] == (3, "is not whole")


def test_a_log_that_cannot_be_written_or_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        append(tmp_path / "none" / "audit.log", [entry("reveal", WHEN)])
    with pytest.raises(ConfigError, match="cannot be read"):
        verify(tmp_path / "audit.log")


def test_a_fingerprint_names_a_ciphertext_without_holding_it() -> None:
    assert fingerprint_of("enc_k1_a") == hashlib.sha256(b"enc_k1_a").hexdigest()[:32]


def test_a_user_that_the_system_has_no_name_for_is_told_by_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 2_000_000_017)  # as container platforms choose them
    assert entry("reveal", datetime(2026, 1, 5, tzinfo=UTC))["who"] == "2000000017"
