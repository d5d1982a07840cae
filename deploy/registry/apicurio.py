"""A schema registry on loopback, for tests and development: Apicurio Registry.

Run it (``make registry``) for one in the foreground, or use :class:`SchemaRegistry` from a test. It
is as its makers ship it, speaks Confluent's REST API below ``/apis/ccompat/v7`` and keeps schemas
in memory. Maven brings it from Maven Central on first use (142 MB, to ``target/``); what it brings
is held against a digest.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

import click

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "kafka"))

from broker import BrokerError, _ending_with_parent, _java, free_port  # noqa: E402 - found above

__all__ = ["RegistryError", "SchemaRegistry", "unavailable"]

RegistryError = BrokerError
"""The registry cannot be started; the text is one line."""

VERSION = "2.6.13.Final"
SHA256 = "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
TARGET = HERE / "target"
FETCH_SECONDS = 300
READY_SECONDS = 60
STOP_SECONDS = 15

# A registry that lives for seconds gains more from a quick start than from optimised code.
JVM_FLAGS = ("-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


@functools.cache
def unavailable() -> str | None:
    """Return why no registry can be started on this machine, in one line; None when one can.

    The first call brings the archive, if it is not there yet.
    """
    try:
        _java()
        _jar()
    except RegistryError as error:
        return str(error)
    return None


class SchemaRegistry:
    """A registry in its own process; a context manager.

    Args:
        port: Port to listen on; a free one when 0.
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for clients of Confluent's."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    @property
    def log_file(self) -> Path:
        """What the registry writes."""
        return TARGET / f"registry-{self._port}.log"

    def start(self) -> None:
        """Start the registry and wait until it answers, at most a minute.

        Raises:
            RegistryError: It does not start; the text names its log.
        """
        options = [f"-Dquarkus.http.port={self._port}", "-Dquarkus.http.host=127.0.0.1"]
        command = [*_ending_with_parent(), _java(), *JVM_FLAGS, *options, "-jar", str(_jar())]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - ours
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop the registry; its schemas are gone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self.log_file.unlink(missing_ok=True)

    def wait(self) -> int:
        """Wait until the registry ends by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/subjects", timeout=5).close()  # noqa: S310 - ours
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise RegistryError(f"the registry did not become ready; see {self.log_file}")


@functools.cache
def _jar() -> Path:
    """Return the registry's jar; Maven brings it on the first call.

    It is unpacked in a folder of another name, renamed when all is there: what was interrupted is
    never taken for whole.
    """
    folder = TARGET / f"apicurio-{VERSION}"
    jar = folder / f"apicurio-registry-app-{VERSION}-runner.jar"
    if jar.exists():
        return jar
    maven = shutil.which("mvn")
    if maven is None:
        raise RegistryError("Maven, which brings Apicurio Registry, is not installed")
    TARGET.mkdir(exist_ok=True)
    with (TARGET / "lock").open("w") as lock, tempfile.TemporaryDirectory(dir=TARGET) as partial:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jar.exists():
            unpacked = Path(partial) / "whole"
            _unpack(_fetch(maven, Path(partial)), unpacked)
            unpacked.rename(folder)
    return jar


def _fetch(maven: str, folder: Path) -> Path:
    command = [maven, "-q", "-B", COPY, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
    log = TARGET / "maven.log"
    try:
        with log.open("wb") as output:
            subprocess.run(  # noqa: S603 - our own command
                command, stdout=output, stderr=output, timeout=FETCH_SECONDS, check=True
            )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise RegistryError(f"Maven cannot bring Apicurio Registry; see {log}") from None
    (archive,) = folder.glob("*.tar.gz")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise RegistryError(f"Maven brought another Apicurio Registry: SHA-256 {digest}")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


@click.command()
@click.option("--port", default=8081, show_default=True, help="Port to listen on, on loopback.")
def main(port: int) -> None:
    """Run a schema registry in the foreground until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with SchemaRegistry(port) as registry:
            click.echo(f"The registry answers at {registry.url}; Ctrl-C stops it.")
            raise SystemExit(registry.wait())
    except KeyboardInterrupt:
        return
    except RegistryError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
