import gc
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from processes import runs, wait_until

from streamproc.detect import Recognition
from streamproc.detect.language import LanguageModel
from streamproc.detect.pool import NamePool
from streamproc.errors import EventError, RetryableError

RECOGNITION = Recognition(frozenset({"PERSON"}))
TEXTS = [
    "Please call Jane Miller, she's licensed and has dated the forms.",
    "have u ever been to chicago? he'd said he does",
    "",
    "It is Bob Smith's account. " * 400,
]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def pool() -> Iterator[NamePool]:
    pool = NamePool(RECOGNITION, 1)
    yield pool
    pool.close()


def test_other_processes_find_what_the_model_does_in_this_one(pool: NamePool) -> None:
    expected = list(LanguageModel(RECOGNITION).names(TEXTS * 2))
    assert list(pool.names(TEXTS * 2)) == expected
    assert sum(map(len, expected)) > 100


def test_nothing_to_read_is_nothing_found(pool: NamePool) -> None:
    assert list(pool.names([])) == []


def test_a_process_that_was_killed_is_retryable_and_started_again(pool: NamePool) -> None:
    expected = list(pool.names(TEXTS))
    (process,) = multiprocessing.active_children()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with pytest.raises(RetryableError, match=r"^a process that reads names ended$"):
        list(pool.names(TEXTS))
    assert list(pool.names(TEXTS)) == expected


def test_a_text_that_cannot_be_read_fails_alone_and_is_not_quoted(pool: NamePool) -> None:
    unreadable = "Jane " * 300_000  # longer than spaCy takes
    with pytest.raises(EventError, match=r"^detect: detector_failed$") as caught:
        list(pool.names([unreadable]))
    assert caught.value.__cause__ is None
    assert list(pool.names(TEXTS[1:2])) == list(LanguageModel(RECOGNITION).names(TEXTS[1:2]))


def test_processes_end_with_the_last_that_refers_to_the_pool() -> None:
    others = multiprocessing.active_children()
    pool = NamePool(RECOGNITION, 1)
    list(pool.names(TEXTS))
    processes = [child for child in multiprocessing.active_children() if child not in others]
    assert processes
    del pool
    gc.collect()
    # Not by join() and is_alive(): the pool's own thread waits for them too, and of two that wait
    # one is told that there is no such process, which is_alive() takes for one not started yet.
    wait_until(lambda: not any(runs(process.pid or 0) for process in processes), seconds=30)


STARTS_A_POOL = """
import multiprocessing, sys, time
from streamproc.detect import Recognition
from streamproc.detect.pool import NamePool
if __name__ == "__main__":
    pool = NamePool(Recognition(frozenset({"PERSON"})), 1)
    list(pool.names(["Please call Jane Miller back."]))
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(60)
"""


def test_processes_end_with_a_worker_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_A_POOL], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        process = int(worker.stdout.readline())
        assert runs(process)
        worker.kill()
    wait_until(lambda: not runs(process), seconds=30)
