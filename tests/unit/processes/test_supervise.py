import os
import signal
import threading
from pathlib import Path

import pytest
from processes import Process, running, runs, wait_until

from streamproc.errors import StreamprocError
from streamproc.processes import Supervision, supervised

PARENT = str(Path(__file__).parent / "supervised_parent.py")


def ready(parent: Process) -> int:
    """Return the id of the next process that says that it is ready."""
    return int(parent.wait_for("ready ").split()[2])


def test_sigterm_ends_all_processes_and_the_parent_with_0() -> None:
    with running([PARENT, "good", "good"]) as parent:
        children = [ready(parent), ready(parent)]
        assert parent.stop() == 0
        assert not any(runs(child) for child in children)


def test_a_process_that_was_killed_is_started_again_and_the_others_go_on() -> None:
    with running([PARENT, "good", "good"]) as parent:
        first, second = ready(parent), ready(parent)
        os.kill(first, signal.SIGKILL)
        assert "SIGKILL" in parent.wait_for("started again")
        assert ready(parent) not in {first, second}
        assert runs(second)
        assert not runs(first)
        assert parent.stop() == 0


def test_a_process_that_dies_by_itself_once_is_started_again(tmp_path: Path) -> None:
    with running([PARENT, f"once:{tmp_path / 'died'}"]) as parent:
        ready(parent)
        assert parent.stop() == 0


def test_a_process_that_cannot_be_kept_running_ends_all_with_1() -> None:
    with running([PARENT, "good", "dying"]) as parent:
        good = ready(parent)
        assert parent.wait() == 1
        assert not runs(good)
        assert "cannot be kept running" in parent.output()


def test_wrong_settings_of_one_process_end_all_with_2_at_once() -> None:
    with running([PARENT, "good", "wrong"]) as parent:
        assert parent.wait() == 2
        assert "started again" not in parent.output()


def test_a_process_that_does_not_end_in_time_is_killed_and_told_of() -> None:
    with running([PARENT, "slow", "good"]) as parent:
        children = [ready(parent), ready(parent)]
        assert parent.stop() == 1
        assert not any(runs(child) for child in children)
        assert "did not end in time" in parent.output()


def test_a_parent_that_is_killed_takes_its_processes_along() -> None:
    with running([PARENT, "good", "slow"]) as parent:
        children = [ready(parent), ready(parent)]
        parent.kill()
        wait_until(lambda: not any(runs(child) for child in children))


def test_processes_are_not_in_the_group_that_ctrl_c_reaches() -> None:
    with running([PARENT, "good"]) as parent:
        _, _, process, group = parent.wait_for("ready ").split()
        assert process == group
        parent.send(signal.SIGINT)
        assert parent.wait() == 0


def test_a_process_with_threads_is_not_forked() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        with pytest.raises(StreamprocError, match="threads"):
            supervised(["0"], Supervision(1.0))
    finally:
        end.set()
        thread.join()
