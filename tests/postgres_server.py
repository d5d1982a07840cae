"""A PostgreSQL server of the tests' own, in a folder of its own, on a socket in that folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as driver

__all__ = ["binaries", "fresh_schema", "postgres_server"]

WAIT_SECONDS = 120.0  # a machine that runs other tests too may take long to begin


def binaries() -> Path | None:
    """Return where the server's programs are; None if it is not installed."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@contextmanager
def postgres_server(programs: Path) -> Iterator[str]:
    """Run a server, and yield the URL of its database."""
    folder = Path(tempfile.mkdtemp(prefix="streamproc-postgres-"))
    # The server refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data, log = folder / "data", folder / "log"
    options: dict[str, Any] = {"user": user, "cwd": folder, "stderr": subprocess.STDOUT}
    where = ["-D", str(data)]
    new = ["-U", "streamproc", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    # As much memory as a machine of any size has: a server takes 128 MB at its start if not told.
    few = ["-c", "shared_buffers=16MB"]
    run = ["-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off", *few]
    try:
        with log.open("wb") as output:
            options["stdout"] = output
            made = subprocess.run([programs / "initdb", *where, *new], check=False, **options)
            assert made.returncode == 0, log.read_text()
            process = subprocess.Popen([programs / "postgres", *where, *run], **options)
        try:
            _wait(programs, folder, process)
            yield f"postgresql:///postgres?host={folder}&user=streamproc"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT_SECONDS)
    finally:
        shutil.rmtree(folder)


def fresh_schema(url: str) -> str:
    """Make an empty schema, and return the URL that works in it."""
    name = f"s{uuid.uuid4().hex}"
    with driver.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {name}")
    return f"{url}&options=-csearch_path%3D{name}"


def _wait(programs: Path, folder: Path, process: subprocess.Popen[Any]) -> None:
    ends = time.monotonic() + WAIT_SECONDS
    while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode:
        if time.monotonic() > ends or process.poll() is not None:
            raise RuntimeError((folder / "log").read_text())
        time.sleep(0.05)
