from __future__ import annotations

from pathlib import Path

import broker
import pytest
from broker import BrokerError


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty target folder, and a PATH with nothing but what a test puts into it."""
    monkeypatch.setattr(broker, "TARGET", tmp_path / "target")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    (tmp_path / "bin").mkdir()
    return tmp_path / "target"


def put(target: Path, name: str, script: str) -> None:
    file = target.parent / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def maven(target: Path, script: str) -> None:
    """A Maven that runs ``script``, ``$out`` being its output folder."""
    put(
        target,
        "mvn",
        f"for each; do case $each in -Doutput*) out=${{each#*=}};; esac; done\n{script}",
    )


def jars(target: Path) -> list[str]:
    return [file.name for file in target.glob("jars-*/*")]


FETCH = '/bin/mkdir "$out"; echo jar > "$out/kafka.jar"'


def test_jars_are_brought_once(target: Path) -> None:
    maven(target, FETCH)
    folder = broker._jars.__wrapped__()
    maven(target, "exit 1")

    assert broker._jars.__wrapped__() == folder
    assert jars(target) == ["kafka.jar"]


def test_an_interrupted_fetch_is_not_taken_for_a_whole_one(target: Path) -> None:
    maven(target, f"{FETCH}; exit 1")
    with pytest.raises(BrokerError, match=r"Maven cannot bring.*maven\.log"):
        broker._jars.__wrapped__()
    assert jars(target) == []

    maven(target, FETCH)
    broker._jars.__wrapped__()
    assert jars(target) == ["kafka.jar"]


def test_a_missing_maven_is_told(target: Path) -> None:
    assert not target.exists()
    with pytest.raises(BrokerError, match="Maven"):
        broker._jars.__wrapped__()


@pytest.mark.usefixtures("target")
def test_a_missing_java_is_told() -> None:
    with pytest.raises(BrokerError, match="Java 17 is not installed"):
        broker._java.__wrapped__()


def test_an_old_java_is_told(target: Path) -> None:
    put(target, "java", "echo 'openjdk version \"11.0.2\"' >&2")

    with pytest.raises(BrokerError, match="Java 17 or later"):
        broker._java.__wrapped__()
