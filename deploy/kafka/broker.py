"""Apache Kafka brokers on loopback, for tests, benchmarks and development; one, or several.

Run it (``make kafka``) for a broker in the foreground, or use :class:`KafkaBroker` from a test. It
is real Kafka in KRaft mode, from the server jars that ``pom.xml`` names. Imports confluent-kafka
and click, nothing of streamproc.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

__all__ = ["BrokerError", "Door", "KafkaBroker", "Seat", "free_port", "unavailable"]

HERE = Path(__file__).parent
TARGET = HERE / "target"
JAVA_MAJOR = 17  # what Kafka 4 servers need
FETCH_SECONDS = 300
FORMAT_SECONDS = 60
READY_SECONDS = 30
STOP_SECONDS = 15

# A broker that lives for seconds gains more from a quick start than from optimised code.
JVM_FLAGS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
min.insync.replicas={in_sync}
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
# As in production: a topic nobody created is a mistake, and shows.
auto.create.topics.enable=false
# After a crash the broker may come back only when its old session has ended; 9 s by default.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
# So that a test of compaction need not wait 15 seconds for the cleaner to look.
log.cleaner.backoff.ms=250
"""


SECURED = """\
listeners=PLAINTEXT://127.0.0.1:{port},CLIENT://localhost:{door_port},CONTROLLER://127.0.0.1:{controller_port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CLIENT:{protocol}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
"""The plain listener, whose clients may do anything, stays: for who made the broker."""


@dataclass(frozen=True)
class Door:
    """A second listener, whose clients have to say who they are, and may do what ACLs allow.

    Args:
        protocol: ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``.
        properties: More lines of ``server.properties``, such as those of certificates.
        users: Passwords by the names of SCRAM users, for both mechanisms.
        system: System properties of the JVM, by name.
    """

    protocol: str
    properties: str = ""
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    system: Mapping[str, str] = field(default_factory=dict)


class BrokerError(Exception):
    """The broker cannot be started; the text is one line."""


@dataclass(frozen=True)
class Seat:
    """One broker's place among those of a cluster, each of which is a controller too.

    Args:
        node: Its number, from 1 on.
        controller_ports: Ports of all controllers, in the order of their numbers.
        cluster: The cluster's id, the same for all (:meth:`row` makes it).
    """

    node: int
    controller_ports: tuple[int, ...]
    cluster: str

    @property
    def replicas(self) -> int:
        """Copies of everything."""
        return len(self.controller_ports)

    @property
    def in_sync(self) -> int:
        """Copies that have to be there for a write to count: a majority."""
        return self.replicas // 2 + 1

    @property
    def voters(self) -> str:
        """All controllers, as Kafka writes them."""
        ports = enumerate(self.controller_ports, start=1)
        return ",".join(f"{node}@127.0.0.1:{port}" for node, port in ports)

    @staticmethod
    def row(count: int) -> list[Seat]:
        """Return the seats of a new cluster of ``count`` brokers."""
        ports, cluster = tuple(free_port() for _ in range(count)), _cluster_id()
        return [Seat(node, ports, cluster) for node in range(1, count + 1)]


@functools.cache
def unavailable() -> str | None:
    """Return why no broker can be started on this machine, in one line; None when one can.

    The first call brings the jars, if they are not there yet (44 MB).
    """
    try:
        _java()
        _jars()
    except BrokerError as error:
        return str(error)
    return None


class KafkaBroker:
    """A broker in its own process; a context manager.

    Args:
        directory: Folder for the data, the configuration and ``broker.log``; kept. A temporary one,
            removed in the end, when None.
        port: Port to listen on; a free one when 0.
        door: A second listener, with locks; None for none.
        seat: Its place in a cluster; a cluster of its own when None.
        properties: More lines of ``server.properties``, which count more than the usual ones;
            ``{port}`` and ``{controller_port}`` are filled in.
    """

    def __init__(
        self,
        directory: Path | None = None,
        port: int = 0,
        door: Door | None = None,
        seat: Seat | None = None,
        properties: str = "",
    ) -> None:
        self._keep = directory is not None
        self._directory = directory or Path(tempfile.mkdtemp(prefix="kafka-"))
        self._port = port or free_port()
        self._seat = seat or Seat.row(1)[0]
        self._more = properties
        self._door = door
        self._door_port = free_port() if door else 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients; the same after a restart."""
        return f"127.0.0.1:{self._port}"

    @property
    def locked(self) -> str:
        """``host:port`` of the door, by the name that certificates are for."""
        assert self._door is not None
        return f"localhost:{self._door_port}"

    @property
    def log_file(self) -> Path:
        """Warnings and errors of the broker."""
        return self._directory / "broker.log"

    @property
    def data(self) -> Path:
        """Where its data is."""
        return self._directory / "data"

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the broker and wait until it answers a client, at most 30 seconds.

        On Linux it ends with the thread that calls this, however that ends.

        Raises:
            BrokerError: It does not start; the text names its log.
        """
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the broker, and do not wait: those of a cluster wait for each other.

        Raises:
            BrokerError: Its storage cannot be formatted.
        """
        properties = self._directory / "server.properties"
        if not properties.exists():
            self._format(properties)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*_ending_with_parent(), *self._command("kafka.Kafka", str(properties))],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """Shut the broker down in order; kill it if that takes longer than 15 seconds."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the broker as a crash would; :meth:`start` brings it back with its data."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Have it do nothing, connections open, until :meth:`thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop the broker and start it again on the same port and data."""
        self.stop()
        self.start()

    def wait(self) -> int:
        """Wait until the broker ends by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clean_up()

    def _clean_up(self) -> None:
        self.stop()
        if not self._keep:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _format(self, properties: Path) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        draft = properties.with_suffix(".draft")
        draft.write_text(self._properties(), encoding="utf-8")
        users = self._door.users if self._door else {}
        scram = (
            f"--add-scram={mechanism}=[name={name},password={password}]"
            for name, password in users.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        )
        what = ("format", "-t", self._seat.cluster, "-c", str(draft), *scram)
        command = _command("kafka.tools.StorageTool", *what)
        with self.log_file.open("ab") as log:
            done = subprocess.run(  # noqa: S603 - our own command
                command, stdout=log, stderr=log, timeout=FORMAT_SECONDS, check=False
            )
        if done.returncode:
            raise BrokerError(f"storage cannot be formatted; see {self.log_file}")
        draft.rename(properties)  # only now: its presence says that the storage is formatted

    def _properties(self) -> str:
        seat = self._seat
        ports = {"port": self._port, "controller_port": seat.controller_ports[seat.node - 1]}
        written = PROPERTIES.format(
            **ports,
            data=self.data,
            node=seat.node,
            voters=seat.voters,
            replicas=seat.replicas,
            in_sync=seat.in_sync,
        )
        # A property that is there twice has its last value.
        if self._door is not None:
            told = SECURED.format(**ports, door_port=self._door_port, protocol=self._door.protocol)
            written = f"{written}{told}{self._door.properties}"
        return written + self._more.format(**ports)

    def _command(self, main: str, *arguments: str) -> list[str]:
        java, *rest = _command(main, *arguments)
        system = self._door.system if self._door else {}
        return [java, *(f"-D{name}={value}" for name, value in system.items()), *rest]

    def wait_until_ready(self) -> None:
        """Wait until the broker answers a client, at most 30 seconds.

        Raises:
            BrokerError: It does not; the text names its log.
        """
        process = self._process
        assert process is not None
        deadline = time.monotonic() + READY_SECONDS
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise BrokerError(f"the broker ended at its start; see {self.log_file}")
            # The port answers sooner than the client's own reconnect backoff would tell.
            if _listening(self._port):
                with contextlib.suppress(KafkaException):
                    if client.list_topics(timeout=1).brokers:
                        return
            time.sleep(0.05)
        raise BrokerError(f"the broker is not ready after {READY_SECONDS} s; see {self.log_file}")

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _ending_with_parent() -> list[str]:
    """Return what a command begins with that is not to outlive a killed parent, on Linux."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "KILL", "--"] if found else []


def _cluster_id() -> str:
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):  # the command would take it for an option, 1 time in 64
            return text


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _command(main_class: str, *arguments: str) -> list[str]:
    log_setup = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return [_java(), *JVM_FLAGS, log_setup, "-cp", f"{_jars()}/*", main_class, *arguments]


@functools.cache
def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = (home and shutil.which("java", path=str(Path(home) / "bin"))) or shutil.which("java")
    if java is None:
        raise BrokerError(f"Java {JAVA_MAJOR} is not installed")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.search(r'version "(\d+)', told.stderr)
    if version is None or int(version[1]) < JAVA_MAJOR:
        raise BrokerError(f"Kafka needs Java {JAVA_MAJOR} or later; {java} is older")
    return java


@functools.cache
def _jars() -> Path:
    """Return the folder of the server's jars; Maven brings them on the first call.

    They are copied to a folder of another name and renamed when all are there: an interrupted copy
    is never taken for a whole one. A changed ``pom.xml`` brings them anew.
    """
    pom = HERE / "pom.xml"
    jars = TARGET / f"jars-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if jars.exists():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError("Maven, which brings Kafka's jars, is not installed")
    TARGET.mkdir(exist_ok=True)
    with (TARGET / "lock").open("w") as lock, tempfile.TemporaryDirectory(dir=TARGET) as partial:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Maven's own store is for one process at a time
        if not jars.exists():
            command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
            _fetch(command, Path(partial))
            (Path(partial) / "jars").rename(jars)
    return jars


def _fetch(command: list[str], folder: Path) -> None:
    log = TARGET / "maven.log"
    try:
        with log.open("wb") as output:
            subprocess.run(  # noqa: S603 - our own command
                [*command, f"-DoutputDirectory={folder / 'jars'}"],
                stdout=output,
                stderr=output,
                timeout=FETCH_SECONDS,
                check=True,
            )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise BrokerError(f"Maven cannot bring Kafka's jars; see {log}") from None


@click.command()
@click.option("--port", default=9092, show_default=True, help="Port to listen on, on loopback.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the data; kept. [default: a temporary one, removed in the end]",
)
def main(port: int, directory: Path | None) -> None:
    """Run a Kafka broker in the foreground until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with KafkaBroker(directory, port) as broker:
            click.echo(f"Kafka listens on {broker.bootstrap}; Ctrl-C stops it.")
            raise SystemExit(broker.wait())
    except KeyboardInterrupt:
        return  # the broker is stopped and its folder removed by now
    except BrokerError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
