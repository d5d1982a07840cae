"""Brokers for the tests.

``broker`` runs a test twice, on the embedded broker and on real Kafka; ``kafka`` runs it on real
Kafka alone. ``STREAMPROC_TEST_KAFKA=host:port`` names a running Kafka to use. Where none can be had
those tests are skipped and the end of the run says so in a line; with
``STREAMPROC_TEST_REQUIRE_KAFKA=1`` they fail instead.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import structlog
from broker import KafkaBroker, unavailable
from brokers import Broker

from streamproc.kafka.embedded import EmbeddedBroker

# How long an example takes says more of the machine than of the code; what has to be quick has a
# benchmark.
hypothesis.settings.register_profile("streamproc", deadline=None)
hypothesis.settings.load_profile("streamproc")

# As the command line does, and before any test imports NumPy: on two cores that are both busy, its
# threads take five times as long over the language model's small matrices.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

RUNNING = "STREAMPROC_TEST_KAFKA"
REQUIRED = "STREAMPROC_TEST_REQUIRE_KAFKA"

NO_KAFKA = "no real Kafka: "


def pytest_configure() -> None:
    """Have the processes that tests start heed Ctrl-C, which tests send them.

    A shell has what it runs in the background ignore it, and what that starts ignores it too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _configure_uncached(**options: Any) -> None:
    _configure(**options | {"cache_logger_on_first_use": False})


# A command that is run in a test's process configures the logs of all tests after it: loggers that
# are kept could not be listened to any more.
_configure = structlog.configure
structlog.configure = _configure_uncached  # type: ignore[assignment] # with names alone


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Undo what the test did to logging."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def session_kafka() -> Iterator[Broker]:
    """Real Kafka, one for the session."""
    if running := os.environ.get(RUNNING):
        yield Broker(running, "kafka")
        return
    _need_kafka()
    with KafkaBroker() as process:
        yield Broker(process.bootstrap, "kafka")


@pytest.fixture
def kafka(session_kafka: Broker) -> Broker:
    """Real Kafka; mark the test ``kafka``."""
    return session_kafka


@pytest.fixture
def own_kafka() -> Iterator[KafkaBroker]:
    """A real broker for this test alone, to kill, restart and stop; mark the test ``kafka``."""
    _need_kafka()
    with KafkaBroker() as process:
        yield process


@pytest.fixture
def kafka_jars() -> None:
    """What is needed for brokers that the test makes itself; mark the test ``kafka``."""
    _need_kafka()


@pytest.fixture
def embedded() -> Iterator[Broker]:
    """An embedded broker for this test alone."""
    with EmbeddedBroker() as cluster:
        yield Broker(cluster.bootstrap, "embedded")


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Both brokers, one after the other."""
    found: Broker = request.getfixturevalue(request.param)
    return found


def _need_kafka() -> None:
    reason = unavailable()
    if reason is None:
        return
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"real Kafka is required: {reason}", pytrace=False)
    pytest.skip(NO_KAFKA + reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what could not be run, in whichever process."""
    skipped = [report.longrepr for report in terminalreporter.getreports("skipped")]
    reasons = [each[2].partition(NO_KAFKA)[2] for each in skipped if NO_KAFKA in each[2]]
    if reasons:
        told = f"{len(reasons)} tests on real Kafka were not run: {reasons[0]}"
        terminalreporter.write_line(told, yellow=True)
