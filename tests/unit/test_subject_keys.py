import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from streamproc.errors import ConfigError, RetryableError
from streamproc.events import Token
from streamproc.redact import KeyRing
from streamproc.subject_keys import SubjectKeyFile

RING = KeyRing("k1", {"k1": bytes(range(32))})
JANE = Token("tok_k1_" + "a" * 32)
BOB = Token("tok_k1_" + "b" * 32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "subjects.db"


def test_a_person_has_one_key_for_good(file: Path) -> None:
    store = SubjectKeyFile(file, RING)
    key = store.key_of(JANE)
    assert key is not None
    assert len(key.secret) == 64
    assert store.key_of(JANE) == key
    assert store.key_of(BOB) != key
    store.close()
    again = SubjectKeyFile(file, RING)
    assert again.key_of(JANE) == key
    assert again.key_by_id(key.id) == key
    assert again.key_by_id("a" * 16) is None
    again.close()


def test_the_file_is_its_owner_s_alone_and_opens_nothing_by_itself(file: Path) -> None:
    store = SubjectKeyFile(file, RING)
    key = store.key_of(JANE)
    assert key is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key.secret not in file.read_bytes()
    assert key.secret.hex() not in repr(key)
    store.close()
    other = SubjectKeyFile(file, KeyRing("k1", {"k1": bytes(32)}))
    with pytest.raises(ConfigError, match="does not open"):
        other.key_of(JANE)
    other.close()


def test_a_key_that_is_forgotten_is_gone_from_the_file_and_not_made_again(file: Path) -> None:
    store = SubjectKeyFile(file, RING)
    key = store.key_of(JANE)
    bob = store.key_of(BOB)
    assert key is not None
    with closing(sqlite3.connect(file)) as database:
        select = "SELECT wrapped FROM subject_keys WHERE person = ?"
        wrapped: bytes = database.execute(select, (JANE,)).fetchone()[0]
    assert wrapped in file.read_bytes()
    assert store.forget([JANE, Token("tok_k0_" + "a" * 32)]) == 1
    assert wrapped not in file.read_bytes()
    assert store.key_of(JANE) is None
    assert store.key_by_id(key.id) is None
    assert store.key_of(BOB) == bob
    assert store.forget([JANE]) == 0
    store.close()


def test_a_person_who_was_never_met_can_be_forgotten(file: Path) -> None:
    store = SubjectKeyFile(file, RING)
    assert store.forget([JANE]) == 0
    assert store.key_of(JANE) is None
    store.close()


def test_what_one_process_deletes_another_does_not_use_again(file: Path) -> None:
    worker, command = SubjectKeyFile(file, RING), SubjectKeyFile(file, RING)
    assert worker.key_of(JANE) is not None
    assert worker.key_of(JANE) is not None
    command.forget([JANE])
    assert worker.key_of(JANE) is None
    worker.close()
    command.close()


def test_threads_that_ask_at_once_get_the_same_key(file: Path) -> None:
    stores = [SubjectKeyFile(file, RING) for _ in range(4)]
    persons = [Token(f"tok_k1_{number}") for number in range(20)]
    with ThreadPoolExecutor(len(stores)) as pool:
        found = list(pool.map(lambda store: [store.key_of(each) for each in persons], stores))
    assert all(keys == found[0] for keys in found)
    assert len({key.id for key in found[0] if key is not None}) == len(persons)
    for store in stores:
        store.close()


PROCESS = """
import sys
from pathlib import Path
from streamproc.redact import KeyRing
from streamproc.subject_keys import SubjectKeyFile
store = SubjectKeyFile(Path(sys.argv[1]), KeyRing("k1", {"k1": bytes(range(32))}))
print(*(store.key_of(f"tok_k1_{number}").id for number in range(50)))
"""


def test_processes_that_ask_at_once_get_the_same_key(file: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(file)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    printed = {each.communicate(timeout=120)[0] for each in running}
    assert [each.returncode for each in running] == [0, 0]
    assert len(printed) == 1


def test_keys_wrapped_before_a_rotation_still_open(file: Path) -> None:
    store = SubjectKeyFile(file, RING)
    key = store.key_of(JANE)
    store.close()
    rotated = SubjectKeyFile(file, RING.rotated("k2", bytes(32)))
    assert rotated.key_of(JANE) == key
    rotated.close()


def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        SubjectKeyFile(tmp_path / "none" / "subjects.db", RING)
    (tmp_path / "text").write_text("no database at all, but long enough to be read as one" * 20)
    (tmp_path / "text").chmod(0o600)
    with pytest.raises(ConfigError, match="no store of people's keys"):
        SubjectKeyFile(tmp_path / "text", RING)
    (tmp_path / "open").touch(0o644)
    with pytest.raises(ConfigError, match="others may read it"):
        SubjectKeyFile(tmp_path / "open", RING)


def test_a_file_that_another_process_holds_is_tried_again_later(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.subject_keys.BUSY_SECONDS", 0.01)
    SubjectKeyFile(file, RING).close()
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RetryableError, match="another process holds"):
            SubjectKeyFile(file, RING)


def test_a_file_that_cannot_be_written_now_is_tried_again_later(file: Path) -> None:
    store = SubjectKeyFile(file, RING)
    store.close()
    for use in (lambda: store.key_of(JANE), lambda: store.key_by_id("a"), lambda: store.forget([])):
        with pytest.raises(RetryableError, match="cannot be used now"):
            use()


def test_who_has_a_key_is_counted_and_given_none(file: Path) -> None:
    store = SubjectKeyFile(file, RING)
    assert store.count_of([JANE, BOB]) == 0
    store.key_of(JANE)
    assert store.count_of([JANE, BOB]) == 1
    assert store.forget_if_there([BOB]) == 0
    assert store.forget_if_there([JANE, BOB]) == 1
    assert store.count_of([JANE, BOB]) == 0
    store.close()
