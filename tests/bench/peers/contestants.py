"""Who runs: streamproc and what one would take in its place, each as one process."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.peers.preparing import UnavailableError, go_binary, java_classes, python_of

__all__ = ["OURS", "PEERS", "Peer", "Places", "Program"]

HERE = Path(__file__).parent
BENCH = HERE.parent
PATTERNS = HERE / "patterns.json"
OURS = "streamproc worker"


class Places(NamedTuple):
    """What a contestant is to read and write, and on how many threads if it can choose."""

    brokers: str
    raw: str
    out: str
    group: str
    threads: int

    @property
    def arguments(self) -> list[str]:
        """All of it, in the order that the peers' programs take it."""
        return [self.brokers, self.raw, self.out, self.group, str(self.threads)]


class Program(NamedTuple):
    """A command, and the variables it gets beside those of this process."""

    command: list[str]
    variables: Mapping[str, str] = {}


class Peer(NamedTuple):
    """One contestant.

    Attributes:
        name: As people call it.
        finds: How it finds personal data.
        version: Returns its version, as it is pinned.
        prepare: Sets it up and returns what starts it at some places.
    """

    name: str
    finds: str
    version: Callable[[], str]
    prepare: Callable[[], Callable[[Places], Program]]


def _pinned(file: str, pattern: str) -> Callable[[], str]:
    """Return what tells the first group of ``pattern`` in a file of this folder."""

    def version() -> str:
        found = re.search(pattern, (HERE / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert found is not None, f"{file} pins no version"
        return found[1]

    return version


def _installed(package: str) -> Callable[[], str]:
    def version() -> str:
        from importlib.metadata import version  # noqa: PLC0415 - one line, for two contestants

        return version(package)

    return version


def _streamproc() -> Callable[[Places], Program]:
    return lambda _places: Program([sys.executable, "-m", "streamproc", "worker"])


def _plain_faust() -> Callable[[Places], Program]:
    script = str(BENCH / "plain_faust.py")
    return lambda places: Program([sys.executable, script, *places.arguments[:4]])


def _quix(how: str) -> Callable[[], Callable[[Places], Program]]:
    def prepare() -> Callable[[Places], Program]:
        folder = HERE / "quix_streams"
        script = [str(python_of(folder)), str(folder / "app.py")]
        return lambda places: Program([*script, *places.arguments, how])

    return prepare


def _bytewax() -> Callable[[Places], Program]:
    folder = HERE / "bytewax"
    script = [str(python_of(folder)), str(folder / "flow.py")]
    return lambda places: Program([*script, *places.arguments])


def _bento() -> Callable[[Places], Program]:
    folder = HERE / "bento"
    command = [str(go_binary(folder)), "-c", str(folder / "pipeline.yaml")]
    patterns = json.loads(PATTERNS.read_text(encoding="utf-8")).values()

    def program(places: Places) -> Program:
        names = ("BROKERS", "TOPIC", "OUT", "GROUP", "THREADS")
        variables = dict(zip(names, places.arguments, strict=True))
        return Program(command, {**variables, "PATTERN": "|".join(patterns)})

    return program


def _java(folder: Path, main: str) -> Callable[[Places], Program]:
    java = shutil.which("java")
    if java is None:
        raise UnavailableError("Java is not installed")
    command = [java, "-Xmx1g", "-cp", java_classes(folder), main]
    return lambda places: Program([*command, *places.arguments, str(PATTERNS)])


def _kafka_streams() -> Callable[[Places], Program]:
    return _java(HERE / "kafka_streams", "peers.MaskingStreams")


def _kafka_connect() -> Callable[[Places], Program]:
    return _java(HERE / "kafka_connect", "peers.MaskingConnect")


QUIX = _pinned("quix_streams/requirements.txt", r"^quixstreams==(\S+)")
BYTEWAX = _pinned("bytewax/requirements.txt", r"^bytewax==(\S+)")
BENTO = _pinned("bento/go.mod", r"warpstreamlabs/bento v(\S+)")
STREAMS = _pinned("kafka_streams/pom.xml", r"<kafka.version>(.+)</kafka.version>")
CONNECT = _pinned("kafka_connect/pom.xml", r"<kafka.version>(.+)</kafka.version>")

PEERS: tuple[Peer, ...] = (
    Peer(OURS, "its shipped rules", _installed("streamproc"), _streamproc),
    Peer("Faust", "Presidio, ours", _installed("faust-streaming"), _plain_faust),
    Peer("Quix Streams", "Presidio, its defaults", QUIX, _quix("presidio")),
    Peer("Quix Streams", "regexes only", QUIX, _quix("regexes")),
    Peer("Bytewax", "regexes only", BYTEWAX, _bytewax),
    Peer("Bento (Benthos)", "regexes only", BENTO, _bento),
    Peer("Kafka Streams", "regexes only", STREAMS, _kafka_streams),
    Peer("Kafka Connect MaskField", "named fields only", CONNECT, _kafka_connect),
)
"""Benthos is the engine of Redpanda Connect, and Bento what its last wholly free version became."""

THREADS = len(os.sched_getaffinity(0))
