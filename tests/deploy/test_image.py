"""The image's steps, run as its Dockerfile says, and what they make, run as an engine would."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from broker import KafkaBroker
from deploy_tools import CACHE, DEPLOY, absent
from image_steps import Stage, build, missing
from processes import wait_until

ASKED = "STREAMPROC_TEST_IMAGE"
WARNING = '"level": "warning"'

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.environ.get(ASKED) != "1", reason=f"minutes; {ASKED}=1 asks for it"),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if reason := missing():
        absent(reason)
    CACHE.mkdir(exist_ok=True)
    folder = tmp_path_factory.mktemp("image")
    with build(DEPLOY / "Dockerfile", DEPLOY.parent, folder, CACHE) as stage:
        yield stage


def test_it_starts_as_its_user_with_nothing_to_write_to_but_its_volumes(image: Stage) -> None:
    tried = "id -u; ! touch /x; ! touch /opt/streamproc/x; touch /var/lib/streamproc/x /tmp/x"
    done = image.run(["sh", "-c", f"set -e; {tried}"], read_only=True)

    assert (done.returncode, done.stdout) == (0, "10001\n"), done.stderr


def test_it_has_no_compiler_and_no_pip_of_its_own(image: Stage) -> None:
    assert image.run(["sh", "-c", "command -v cc gcc g++ make"]).stdout == ""
    assert image.run(["python", "-c", "import pip"]).returncode == 1


def test_the_patterns_that_it_carries_are_used(image: Stage) -> None:
    done = image.run([*image.entrypoint, "rules", "test"], read_only=True)

    assert done.returncode == 0
    assert "patterns" not in done.stderr


def test_a_worker_without_keys_says_so_and_ends(image: Stage) -> None:
    done = image.run([*image.entrypoint, "worker"], read_only=True)

    assert done.returncode == 2
    assert "keys.file: no key ring is configured" in done.stderr


@contextmanager
def detached(
    stage: Stage, command: list[str], log: Path, variables: dict[str, str]
) -> Iterator[None]:
    """Run ``command`` in the image as a service, and have it end as an engine does."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            stage.command(command, read_only=True),
            env=stage.environment(variables),
            stdout=output,
            stderr=output,
        )
    try:
        yield
        # What made the namespaces waits, and heeds no signal; the first process in them does.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        os.kill(int(children), signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.kafka
def test_a_worker_of_the_image_works_on_a_read_only_root(
    image: Stage, own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    made = image.run(["sh", "-c", "cd /tmp && streamproc keys generate >&2; cat keyring.json"])
    variables = {
        "STREAMPROC_KAFKA_BROKERS": own_kafka.bootstrap,
        "STREAMPROC_KEYS_RING": made.stdout,
        "STREAMPROC_METRICS_PORT": "0",
    }
    applied = image.run([*image.entrypoint, "topics", "apply"], variables, read_only=True)
    assert applied.returncode == 0, applied.stderr
    log = tmp_path / "worker.log"

    with detached(image, [*image.entrypoint, "worker"], log, variables):
        wait_until(lambda: "worker ready" in log.read_text(encoding="utf-8"), 120)

    lines = log.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if WARNING in line] == []
