"""The fault suite: real Kafka, two workers, a loader, events all along, and one fault
after another.

``STREAMPROC_TEST_FAULT_ONLY=name`` has only faults happen whose names hold that, and
``STREAMPROC_TEST_FAULT_SEED`` decides the events and the moments. ``make faults`` tries them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from broker import KafkaBroker, free_port
from brokers import Broker
from cluster import cluster
from fault_catalog import (
    BEHIND_A_PROXY,
    ON_A_SMALL_DISK,
    ON_ONE_BROKER,
    ON_THREE_BROKERS,
    WITH_A_COMPILER,
)
from fault_scene import SEED, Fault, play, played
from proxy import Proxy

ONLY = os.environ.get("STREAMPROC_TEST_FAULT_ONLY", "")
ALL = os.environ.get("STREAMPROC_TEST_FAULT_SUITE") == "all"
DISK_BYTES = 256 * 1_048_576
PROXIED = """\
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{outer}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT
"""
"""A listener whose clients are told to come through the proxy; the plain one is for the test."""

every = pytest.mark.skipif(not (ALL or ONLY), reason="for `make faults`")
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1_200)]


def chosen(faults: tuple[Fault, ...]) -> list[Fault]:
    """Return the faults of this run, in their order."""
    whole = ALL or ONLY
    found = [fault for fault in faults if ONLY in fault.name and (whole or fault.quick)]
    if not found:
        pytest.skip(f"no fault is named {ONLY}")
    return found


def test_faults_of_workers_loaders_and_a_broker(own_kafka: KafkaBroker, tmp_path: Path) -> None:
    faults = chosen(ON_ONE_BROKER)
    with played(Broker(own_kafka.bootstrap, "kafka"), tmp_path) as scene:
        scene.brokers = [own_kafka]
        show(play(scene, faults))


@every
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_faults_of_clocks(kafka: Broker, tmp_path: Path) -> None:
    faults = chosen(WITH_A_COMPILER)
    with played(kafka, tmp_path) as scene:
        show(play(scene, faults))


@every
@pytest.mark.usefixtures("kafka_jars")
def test_faults_of_a_cluster(tmp_path: Path) -> None:
    faults = chosen(ON_THREE_BROKERS)
    with cluster(3) as brokers:
        names = ",".join(broker.bootstrap for broker in brokers)
        with played(Broker(names, "kafka", replicas=3), tmp_path) as scene:
            scene.brokers = brokers
            show(play(scene, faults))


@every
@pytest.mark.usefixtures("kafka_jars")
def test_faults_of_a_network(tmp_path: Path) -> None:
    faults = chosen(BEHIND_A_PROXY)
    inner, outer = free_port(), free_port()
    proxied = PROXIED.format(
        inner=inner, outer=outer, port="{port}", controller="{controller_port}"
    )
    with (
        KafkaBroker(properties=proxied) as kafka,
        Proxy(outer, inner, SEED) as proxy,
        played(Broker(kafka.bootstrap, "kafka"), tmp_path, kafka_brokers=proxy.address) as scene,
    ):
        scene.brokers, scene.proxy = [kafka], proxy
        show(play(scene, faults))


@every
@pytest.mark.usefixtures("kafka_jars")
def test_faults_of_a_disk(tmp_path: Path) -> None:
    faults = chosen(ON_A_SMALL_DISK)
    with (
        small_disk(tmp_path / "kafka" / "data"),
        KafkaBroker(tmp_path / "kafka") as kafka,
        played(Broker(kafka.bootstrap, "kafka"), tmp_path) as scene,
    ):
        scene.brokers = [kafka]
        show(play(scene, faults))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own in ``folder``, in memory; only the superuser can have one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "small-disk", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def show(told: str) -> None:
    print(f"\n{told}")  # noqa: T201 - the figures, with -s
