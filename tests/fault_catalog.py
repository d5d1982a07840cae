"""What goes wrong in the fault suite."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable

from cluster import revive
from confluent_kafka import Consumer
from fault_scene import SESSION_SECONDS, Fault, Scene
from poison import poison
from processes import running, wait_until
from proxy import Weather

__all__ = [
    "BEHIND_A_PROXY",
    "ON_A_SMALL_DISK",
    "ON_ONE_BROKER",
    "ON_THREE_BROKERS",
    "WITH_A_COMPILER",
]

CLOCK_SECONDS = 3_000
"""Less than the hour from which on brokers refuse records as of the future."""
MEBIBYTE = 1_048_576
AWAY_SECONDS = 4.0
"""How long a broker is away."""
PAST_SESSION_SECONDS = SESSION_SECONDS + 3.0
SHUTDOWN_SECONDS = 30.0
"""``worker.shutdown_seconds`` as shipped."""
GUESTS = 4


def _kill_worker(scene: Scene) -> None:
    scene.workers[0].kill()


def _new_worker(scene: Scene) -> None:
    scene.workers.pop(0)
    scene.ready(scene.start_worker())


def _freeze_worker(scene: Scene) -> None:
    scene.workers[0].send(signal.SIGSTOP)
    time.sleep(PAST_SESSION_SECONDS)


def _thaw_worker(scene: Scene) -> None:
    # Others have its partitions by now; it finishes its batch, and finds that it lost them.
    scene.workers[0].send(signal.SIGCONT)
    scene.ready(scene.workers[0])


def _stop_worker(scene: Scene) -> None:
    start = time.monotonic()
    assert scene.workers[0].stop() == 0, scene.workers[0].output()
    assert time.monotonic() - start < SHUTDOWN_SECONDS, "it was not drained in time"


def _kill_loader(scene: Scene) -> None:
    assert scene.loader is not None
    scene.loader.kill()
    scene.start_loader()


def _freeze_loader(scene: Scene) -> None:
    assert scene.loader is not None
    scene.loader.send(signal.SIGSTOP)
    time.sleep(PAST_SESSION_SECONDS)
    scene.loader.send(signal.SIGCONT)


def _stop_loader(scene: Scene) -> None:
    assert scene.loader is not None
    assert scene.loader.stop() == 0, scene.loader.output()
    scene.start_loader()


def _lock_warehouse(scene: Scene) -> None:
    assert scene.loader is not None
    assert scene.loader.stop() == 0, scene.loader.output()
    hold = f"import duckdb, time; c = duckdb.connect({str(scene.place.warehouse)!r})"
    with running(["-c", f"{hold}; print('held', flush=True); time.sleep(600)"]) as holder:
        holder.wait_for("held")
        scene.start_loader().wait_for("warehouse is waited for")
        time.sleep(AWAY_SECONDS)


def _poison(scene: Scene) -> None:
    scene.stream.add([(record, "dead") for record in poison(scene.rng)])


def _rebalance(scene: Scene) -> None:
    """Have guests join the workers' group and leave it, taking partitions that they do not work."""
    for _ in range(GUESTS):
        guest = Consumer(
            {
                "bootstrap.servers": scene.place.broker.bootstrap,
                "group.id": scene.place.group,
                "partition.assignment.strategy": "cooperative-sticky",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "session.timeout.ms": SESSION_SECONDS * 1_000,
            }
        )
        guest.subscribe([scene.place.topics.raw])
        deadline = time.monotonic() + SESSION_SECONDS
        while not guest.assignment() and time.monotonic() < deadline:
            guest.poll(0.1)
        time.sleep(scene.rng.random())
        guest.close()


def _with_clock(seconds: int) -> Callable[[Scene], None]:
    def do(scene: Scene) -> None:
        assert scene.workers.pop(0).stop() == 0
        scene.ready(scene.start_worker(seconds))

    return do


def _kill_broker(scene: Scene) -> None:
    scene.brokers[0].kill()
    time.sleep(AWAY_SECONDS)
    scene.brokers[0].start()


def _freeze_broker(scene: Scene) -> None:
    scene.brokers[0].freeze()
    time.sleep(PAST_SESSION_SECONDS)
    scene.brokers[0].thaw()


ON_ONE_BROKER = (
    Fault("worker killed", _kill_worker, _new_worker, quick=True),
    Fault("worker stopped past its session", _freeze_worker, _thaw_worker),
    Fault("worker ended in order", _stop_worker, _new_worker, clean=True, quick=True),
    Fault("loader killed", _kill_loader, quick=True),
    Fault("loader stopped past its session", _freeze_loader),
    Fault("loader ended in order", _stop_loader, clean=True),
    Fault("warehouse locked", _lock_warehouse),
    Fault("poison", _poison, quick=True),
    Fault("rebalances, one after the other", _rebalance, quick=True),
    Fault("broker killed", _kill_broker, quick=True),
    Fault("broker stopped", _freeze_broker),
)

WITH_A_COMPILER = (
    Fault("worker's clock 50 minutes ahead", _with_clock(CLOCK_SECONDS)),
    Fault("worker's clock 50 minutes behind", _with_clock(-CLOCK_SECONDS)),
)


def _lose_one(scene: Scene) -> None:
    scene.brokers[0].kill()


def _lose_two(scene: Scene) -> None:
    for broker in scene.brokers[:2]:
        broker.kill()
    time.sleep(AWAY_SECONDS)
    _revive(scene)


def _revive(scene: Scene) -> None:
    revive(scene.brokers)


ON_THREE_BROKERS = (
    Fault("one broker of three lost", _lose_one, _revive),
    Fault("two brokers of three lost", _lose_two),
)


def _weather(weather: Weather, seconds: float) -> Callable[[Scene], None]:
    def do(scene: Scene) -> None:
        assert scene.proxy is not None
        scene.proxy.have(weather)
        time.sleep(seconds)
        scene.proxy.have()

    return do


BEHIND_A_PROXY = (
    Fault("network slow", _weather(Weather(delay=0.1, jitter=0.2), PAST_SESSION_SECONDS)),
    Fault("connections lost at random", _weather(Weather(lossy=0.05), PAST_SESSION_SECONDS)),
    Fault("brokers cut off", _weather(Weather(refused=True), AWAY_SECONDS)),
    Fault("connections half-open", _weather(Weather(stalled=True), PAST_SESSION_SECONDS)),
)


def _fill_disk(scene: Scene) -> None:
    """Leave the broker no room; it ends, and is started once there is some again."""
    (broker,) = scene.brokers
    filler = broker.data / "filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(MEBIBYTE))
    wait_until(lambda: not broker.runs)
    time.sleep(AWAY_SECONDS)
    filler.unlink()
    broker.start()


ON_A_SMALL_DISK = (Fault("broker's disk full", _fill_disk),)
