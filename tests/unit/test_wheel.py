"""The wheel, without a checkout beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import streamproc
from streamproc.settings import ENV_PREFIX

CHECKOUT = Path(streamproc.__file__).parent.parent
EMAIL = "jane@example.com"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # By the build backend itself: no isolated environment, no network.
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(
    unpacked: Path, folder: Path, *arguments: str, given: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return subprocess.run(
        [sys.executable, *arguments],
        input=given,
        capture_output=True,
        text=True,
        cwd=folder,
        env=kept | {"PYTHONPATH": str(unpacked)} | variables,
        check=False,
    )


def test_the_wheel_holds_the_code_the_rules_and_the_schemas_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    code = {path.relative_to(CHECKOUT) for path in (CHECKOUT / "streamproc").rglob("*.py")}
    shipped = {
        Path("streamproc/_shipped") / path.relative_to(CHECKOUT)
        for room in ("rules", "schemas")
        for path in (CHECKOUT / room).rglob("*.*")
    }
    assert names == {str(path) for path in code | shipped} | {"streamproc/py.typed"}


def test_what_is_shipped_is_read_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    code = "from streamproc.shipped import shipped; print(shipped('rules'), shipped('schemas'))"

    done = run(unpacked, tmp_path, "-c", code)

    rooms = unpacked / "streamproc" / "_shipped"
    assert done.stdout.split() == [str(rooms / "rules"), str(rooms / "schemas")]


def test_redact_works_from_the_wheel(
    unpacked: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    assert pytestconfig.cache
    event = {"type": "track", "event": "Tested", "userId": "u", "properties": {"to": EMAIL}}

    done = run(
        unpacked,
        tmp_path,
        *("-m", "streamproc", "redact"),
        given=json.dumps(event),
        STREAMPROC_WORKER_DIRECTORY=str(pytestconfig.cache.mkdir("patterns")),
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["properties"]["to"] != EMAIL
    assert EMAIL not in done.stdout
    assert list(tmp_path.iterdir()) == []  # it leaves nothing in the working folder
