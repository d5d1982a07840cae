from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.errors import RetryableError
from streamproc.identity.store import MemoryStore, Store
from streamproc.kafka.identity.rocks import DAMAGED, RocksStore

MEMORY = 8 * 1_024 * 1_024
KILLS = 8

KEYS = st.binary(max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=3)),
        st.tuples(st.just("delete"), KEYS, st.just(b"")),
        st.tuples(st.just("commit"), st.just(b""), st.just(b"")),
    ),
    max_size=30,
)

COMMITTER = """
import sys
from pathlib import Path
from streamproc.kafka.identity.rocks import RocksStore

store = RocksStore(Path(sys.argv[1]), 8 << 20)
number = int(store.get(b"position") or 0)
print("open", flush=True)
while True:
    number += 1
    for key in range(50):
        store.put(b"entry/%02d" % key, b"%d" % number + b"-" * 200)
    store.put(b"one of many/%d" % number, b"")
    store.put(b"position", b"%d" % number)
    store.commit()
"""


@contextmanager
def opened(folder: Path) -> Iterator[RocksStore]:
    store = RocksStore(folder, MEMORY)
    try:
        yield store
    finally:
        store.close()


def act(store: Store, steps: list[tuple[str, bytes, bytes]]) -> None:
    for what, key, value in steps:
        if what == "put":
            store.put(key, value)
        elif what == "delete":
            store.delete(key)
        else:
            store.commit()


@given(before=STEPS, steps=STEPS, prefix=st.binary(max_size=2))
def test_it_answers_as_a_store_in_memory_does(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, bytes, bytes]],
    steps: list[tuple[str, bytes, bytes]],
    prefix: bytes,
) -> None:
    folder = tmp_path_factory.mktemp("rocks") / "state"
    expected = MemoryStore()
    act(expected, before)
    act(expected, steps)

    with opened(folder) as store:
        act(store, before)
    with opened(folder) as store:
        act(store, steps)

        assert list(store.scan(prefix)) == list(expected.scan(prefix))
        for _, key, _ in [*before, *steps]:
            assert store.get(key) == expected.get(key)


@pytest.mark.parametrize("prefix", [b"", b"\xff", b"\xff\xff", b"a\xff"])
def test_a_scan_ends_where_its_prefix_does(tmp_path: Path, prefix: bytes) -> None:
    keys = [b"", b"a", b"a\xff", b"a\xff\xff", b"a\xffb", b"b", b"\xfe", b"\xff", b"\xff\xff"]
    with opened(tmp_path / "state") as store:
        for key in keys[::2]:
            store.put(key, key)
        store.commit()
        for key in keys[1::2]:
            store.put(key, key)

        found = [key for key, _ in store.scan(prefix)]

    assert found == sorted(key for key in keys if key.startswith(prefix))


def test_what_was_not_committed_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    code = (
        "import os, sys, pathlib\n"
        "from streamproc.kafka.identity.rocks import RocksStore\n"
        "store = RocksStore(pathlib.Path(sys.argv[1]), 8 << 20)\n"
        "store.put(b'kept', b'1'); store.commit()\n"
        "store.put(b'lost', b'1'); store.delete(b'kept')\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)

    with opened(folder) as store:
        assert list(store.scan(b"")) == [(b"kept", b"1")]


def test_kills_in_the_middle_of_commits_leave_each_wholly_or_not_at_all(tmp_path: Path) -> None:
    rng = random.Random(3)
    folder = tmp_path / "state"
    reached = 0

    for _ in range(KILLS):
        committer = subprocess.Popen(
            [sys.executable, "-c", COMMITTER, str(folder)], stdout=subprocess.PIPE
        )
        assert committer.stdout is not None
        assert committer.stdout.readline() == b"open\n"
        time.sleep(rng.uniform(0.02, 0.3))
        committer.kill()
        committer.wait()
        committer.stdout.close()

        with opened(folder) as store:
            position = int(store.get(b"position") or 0)
            entries = {int(value.rstrip(b"-")) for _, value in store.scan(b"entry/")}
            assert entries == ({position} if position else set())
            assert sum(1 for _ in store.scan(b"one of many/")) == position
        assert position > reached
        reached = position


def test_damaged_blocks_are_told_of_and_marked_and_never_taken_for_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with opened(folder) as store:
        for number in range(1_000):
            store.put(b"tok_k1_%d" % number, b"x" * 50)
    (table,) = folder.glob("*.sst")
    content = bytearray(table.read_bytes())
    content[100:300] = bytes(200)
    table.write_bytes(content)

    store = RocksStore(folder, MEMORY)
    with pytest.raises(RetryableError, match=r"failed \(Corruption\)$"):
        store.get(b"tok_k1_0")
    with pytest.raises(RetryableError, match=r"failed \(Corruption\)$"):
        list(store.scan(b"tok"))
    store.close()

    assert (folder / DAMAGED).exists()
