"""Where faults happen: brokers, workers, a loader, events all along, and what each fault cost.

A scene is started once and struck by several faults in turn. Each has a stretch of the stream to
itself: it comes at a moment that the seed decides, and the next one waits until rows of what was
published after it are on the loader topic, and in the warehouse.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from broker import KafkaBroker
from brokers import EMBEDDED_PARTITIONS, Broker
from confluent_kafka import Consumer, KafkaException, TopicPartition
from fault_stream import DROP_RULE, DROPPED_EVENT, Stream, Watch
from ledger import Verdict, audit
from processes import Process, wait_until
from proxy import Proxy
from workplace import Workplace

from streamproc.shipped import shipped

__all__ = ["Fault", "Scene", "Struck", "played", "table"]

SEED = int(os.environ.get("STREAMPROC_TEST_FAULT_SEED", "7"))
RATE = int(os.environ.get("STREAMPROC_TEST_FAULT_RATE", "100"))
"""Events a second."""
CALM_SECONDS = 1.5
"""At least so long does a stretch of the stream go on before its fault."""
READY_SECONDS = 120.0
RECOVER_SECONDS = 120.0
ASK_SECONDS = 2.0
LOOK_SECONDS = 0.1
SESSION_SECONDS = 10
"""``kafka.session_timeout_seconds`` as shipped: what a killed member is missed by."""
RULE = f"""
  - name: {DROP_RULE}
    severity: low
    fields: ["event"]
    when: {{path: event, matches: "^{DROPPED_EVENT}$"}}
    entity: ROBOT
    operator: drop_event
"""
CLOCK_SOURCE = Path(__file__).parent / "shifted_clock.c"


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        do: Has it happen, and returns when it is over: what is broken may be whole by then, or
            left to ``mend``.
        mend: Brings back what others had to do without, once they did.
        clean: Whether nothing may be done twice.
        quick: Whether it is tried in every run of the tests.
    """

    name: str
    do: Callable[[Scene], None]
    mend: Callable[[Scene], None] = lambda _scene: None
    clean: bool = False
    quick: bool = False


@dataclass(frozen=True)
class Struck:
    """A fault that has happened.

    Attributes:
        lasted: Seconds that the fault itself went on, by design.
        recovered: Seconds from its beginning until rows came from every partition again.
        loaded: Seconds from its beginning until such rows were in the warehouse.
    """

    fault: Fault
    lasted: float
    recovered: float
    loaded: float


@dataclass
class Scene:
    """All that runs, and all that was ever written by what ran.

    Attributes:
        brokers: All there are.
        proxy: What workers and the loader reach them through, if anything.
    """

    place: Workplace
    stack: ExitStack
    stream: Stream
    watch: Watch
    rng: random.Random
    brokers: list[KafkaBroker] = field(default_factory=list)
    proxy: Proxy | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    workers: list[Process] = field(default_factory=list)
    loader: Process | None = None
    given_up: bool = False
    logs: dict[str, list[str]] = field(default_factory=dict)
    _askers: dict[str, Consumer] = field(default_factory=dict)

    def start_worker(self, clock_seconds: int = 0) -> Process:
        """Start one more, its wall clock so far ahead; it is not waited for."""
        more = _shifted(self.place.folder, clock_seconds) if clock_seconds else {}
        worker = self._started("worker", more)
        self.workers.append(worker)
        return worker

    def start_loader(self) -> Process:
        self.loader = self._started("load", {})
        return self.loader

    def ready(self, worker: Process) -> None:
        worker.wait_for("worker ready", READY_SECONDS)

    def committed(self, *, loader: bool = False) -> Mapping[int, int]:
        """Return a group's offsets; none while the brokers do not tell."""
        topics = self.place.topics
        topic = topics.load if loader else topics.raw
        asker = self._asker(self.place.loader_group if loader else self.place.group)
        wanted = [TopicPartition(topic, number) for number in range(EMBEDDED_PARTITIONS)]
        try:
            found = asker.committed(wanted, timeout=ASK_SECONDS)
        except KafkaException:
            return {}
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def _asker(self, group: str) -> Consumer:
        if group not in self._askers:
            config = {"bootstrap.servers": self.place.broker.bootstrap, "group.id": group}
            quiet = {"log_level": 0, "reconnect.backoff.max.ms": 500}
            self._askers[group] = Consumer(config | quiet)
            self.stack.callback(self._askers[group].close)
        return self._askers[group]

    def _started(self, command: str, more: dict[str, str]) -> Process:
        environment = self.place.environment(**self.settings) | more
        process = Process(["-m", "streamproc", command], environment)
        self.stack.callback(process.close)
        self.logs[f"{command} {len(self.logs)}"] = process.lines
        return process


@contextmanager
def played(
    broker: Broker, folder: Path, *, workers: int = 2, **settings: object
) -> Iterator[Scene]:
    """A scene where everything runs and rows come; it ends whatever still does."""
    place = Workplace(broker, folder)
    seen = broker.group("watch")
    with ExitStack() as stack:
        scene = Scene(
            place,
            stack,
            Stream(broker.bootstrap, place.topics.raw, SEED, RATE),
            Watch(broker.bootstrap, place.topics.load, seen),
            random.Random(SEED),
            settings={
                "rules_directory": _rules(folder),
                "kafka_session_timeout_seconds": SESSION_SECONDS,
                "worker_commit_interval_seconds": 1,
                **settings,
            },
        )
        for _ in range(workers):
            scene.start_worker()
        scene.start_loader()
        stack.enter_context(scene.watch)
        for worker in scene.workers:
            scene.ready(worker)
        stack.enter_context(scene.stream)
        wait_until(lambda: len(scene.watch.latest()) == len(scene.stream.ends()) > 1)
        yield scene


def _rules(folder: Path) -> Path:
    """Return the folder of the shipped rules, and one more that drops events."""
    rules = folder / "rules"
    shutil.copytree(shipped("rules"), rules, ignore=shutil.ignore_patterns("examples", "tests"))
    main = rules / "default.yaml"
    written = main.read_text(encoding="utf-8")
    main.write_text(written.replace("\nrules:\n", f"\nrules:\n{RULE}", 1), encoding="utf-8")
    return rules


def _shifted(folder: Path, seconds: int) -> dict[str, str]:
    """Return the variables of a process whose wall clock is so far ahead."""
    library = folder / "shifted_clock.so"
    if not library.exists():
        command = ["cc", "-shared", "-fPIC", "-o", str(library), str(CLOCK_SOURCE), "-ldl"]
        subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "CLOCK_SHIFT_SECONDS": str(seconds)}


def strike(scene: Scene, fault: Fault) -> Struck:
    """Have ``fault`` happen, wait until all goes on, and say how long that took."""
    scene.stream.during = fault.name
    time.sleep(CALM_SECONDS + scene.rng.random())  # anywhere in a batch
    raw, load = scene.stream.ends(), scene.watch.ends()
    print(f"{fault.name} ...", flush=True)  # noqa: T201 - how far it is, with -s
    start = time.monotonic()
    with ThreadPoolExecutor(1) as thread:
        # Looked at from beside: what others do goes on while the fault does.
        rows = thread.submit(_seconds_until_rows, scene, raw, load)
        fault.do(scene)
        lasted = time.monotonic() - start
        wait([rows], RECOVER_SECONDS)
        scene.given_up = not rows.done()
        recovered, loaded = rows.result()
    assert not scene.given_up, _stuck(scene, fault, raw, load)
    fault.mend(scene)
    return Struck(fault, lasted, recovered, loaded)


def _seconds_until_rows(
    scene: Scene, raw: Mapping[int, int], load: Mapping[int, int]
) -> tuple[float, float]:
    """Return when rows of every partition came that are past ``raw``, and were past ``load``."""
    start = time.monotonic()
    recovered = loaded = math.inf
    while math.inf in {recovered, loaded} and not scene.given_up:
        now = time.monotonic() - start
        if recovered == math.inf and _past(scene.watch.latest(), raw):
            recovered = now
        if loaded == math.inf and _past(scene.committed(loader=True), load, beyond=True):
            loaded = now
        time.sleep(LOOK_SECONDS)
    return recovered, loaded


def _stuck(scene: Scene, fault: Fault, raw: Mapping[int, int], load: Mapping[int, int]) -> str:
    """Return what is known of a scene that does not go on."""
    told = [
        f"seed {SEED}: after {fault.name!r} not all goes on within {RECOVER_SECONDS:.0f} s",
        f"raw: to be past {raw}, rows are of {scene.watch.latest()}",
        f"committed by workers: {scene.committed()}",
        f"loader topic: to be past {load}, loaded {scene.committed(loader=True)}",
    ]
    for name, lines in scene.logs.items():
        quiet = [line for line in lines if " progress" not in line]
        told += [f"-- {name}", *(line[:400] for line in quiet[-12:])]
    return "\n".join(told)


def _past(now: Mapping[int, int], marks: Mapping[int, int], *, beyond: bool = False) -> bool:
    return all(now.get(partition, -1) >= mark + beyond for partition, mark in marks.items())


def finish(scene: Scene) -> None:
    """Publish no more, wait until all of it is through, and end everything in order."""
    scene.stream.finish()
    ends = scene.stream.ends()
    wait_until(lambda: _past(scene.committed(), ends), RECOVER_SECONDS)
    for worker in scene.workers:
        if worker.running:
            assert worker.stop() == 0, worker.output()
    broker, load = scene.place.broker, scene.place.topics.load
    written = broker.written(load)
    wait_until(lambda: sum(scene.committed(loader=True).values()) >= written, RECOVER_SECONDS)
    assert scene.loader is not None
    assert scene.loader.stop() == 0, scene.loader.output()
    for process in (*scene.workers, scene.loader):
        process.close()


def play(scene: Scene, faults: Sequence[Fault]) -> str:
    """Strike with ``faults`` in turn, audit, and return the table; fail if a promise was broken."""
    struck = [strike(scene, fault) for fault in faults]
    finish(scene)
    verdicts = audit(scene.place, scene.stream.published, scene.logs)
    told = f"seed {SEED}\n{table(struck, verdicts)}"
    wrong = [f"{name}: {each}" for name, verdict in verdicts.items() for each in verdict.wrong]
    assert all(verdict.is_clean for verdict in verdicts.values()), "\n".join([told, *wrong[:20]])
    for each in struck:
        repeated = verdicts[each.fault.name].repeated
        assert not (each.fault.clean and repeated), f"{each.fault.name} made rows again\n{told}"
    assert any(DROP_RULE in line for lines in scene.logs.values() for line in lines)
    return told


HEADINGS = (
    f"{'fault':<34}{'events':>8}{'lost':>6}{'doubled':>9}{'leaked':>8}{'disordered':>12}"
    f"{'repeated':>10}{'lasted':>9}{'rows again':>12}{'loaded again':>14}"
)


def table(struck: Sequence[Struck], verdicts: Mapping[str, Verdict]) -> str:
    """Return what every fault did and cost, in lines; times in seconds from its beginning."""
    lines = [HEADINGS]
    for each in struck:
        of = verdicts[each.fault.name]
        lines.append(
            f"{each.fault.name:<34}{of.events:>8}{of.lost:>6}{of.doubled:>9}{of.leaked:>8}"
            f"{of.disordered:>12}{of.repeated:>10}{each.lasted:>9.1f}{each.recovered:>12.1f}"
            f"{each.loaded:>14.1f}"
        )
    return "\n".join(lines)
