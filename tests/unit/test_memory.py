"""What is left of a key ring in the memory of who has read it, as root would see it there."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from streamproc.redact import write_key_ring
from streamproc.redact.wiping import wipe

SECRET = bytes(range(100, 132))
WRITTEN = base64.b64encode(SECRET).decode()

LOOK = """
import re, resource, sys
from pathlib import Path
from streamproc.assemble import load_key_ring
from streamproc.settings import KeySettings, Settings

setting, value = sys.argv[1:3]
keys = KeySettings.model_validate({setting: value.split("|") if "|" in value else value})
ring = load_key_ring(Settings(keys=keys))
backwards = sys.argv[3].encode()
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in list(maps):
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if " rw" not in line or "vvar" in line:
            continue
        memory.seek(start)
        try:
            found += memory.read(end - start)[::-1].count(backwards)
        except OSError:
            continue
assert ring.secrets["k1"][0] == 100
print(found, resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


def left_in_memory(setting: str, value: str, needle: bytes) -> Sequence[str]:
    """Return how often ``needle`` is in the memory of who has read the ring; its core limit."""
    # The needle goes there backwards: else the search would find itself.
    command = [sys.executable, "-c", LOOK, setting, value, needle[::-1].decode()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    file = tmp_path / "ring.json"
    file.write_text(write_key_ring("k1", {"k1": SECRET}))
    file.chmod(0o600)
    return file


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_text_of_a_ring_is_gone_from_memory_once_it_was_read(ring: Path) -> None:
    assert left_in_memory("file", str(ring), WRITTEN.encode()) == ["0", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_what_a_command_printed_is_gone_from_memory_once_it_was_read(ring: Path) -> None:
    assert left_in_memory("command", f"cat|{ring}", WRITTEN.encode()) == ["0", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_search_finds_what_is_there(ring: Path) -> None:
    (found, _) = left_in_memory("file", str(ring), str(ring).encode())
    assert int(found) > 0


def test_what_is_wiped_is_zeros() -> None:
    kept = bytearray(b"a secret")
    wipe(kept)
    assert kept == bytes(8)
    text = str(b"a text that nobody else has", "ascii")
    wipe(text)
    assert text == "\0" * 27
