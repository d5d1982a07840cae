"""The runbook's commands, one after the other, as somebody would type them; on real Kafka."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import KafkaBroker
from deploy_tools import DEPLOY
from readme import blocks, run

from streamproc.shipped import shipped

RUNBOOK = DEPLOY / "README.md"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose processes do not outlive the test."""
    yield tmp_path
    for file in tmp_path.glob("*.pid"):
        try:
            os.kill(int(file.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_commands_of_the_runbook_do_as_shown(own_kafka: KafkaBroker, folder: Path) -> None:
    found = blocks("run on kafka", RUNBOOK)
    variables = {
        "STREAMPROC_KAFKA_BROKERS": own_kafka.bootstrap,
        "STREAMPROC_KAFKA_SESSION_TIMEOUT_SECONDS": "6",
        "SHIPPED_RULES": str(shipped("rules")),
    }

    assert len(found) == 9
    for block in found:
        run(block, folder, variables)


def test_every_alert_has_a_line_in_the_runbook() -> None:
    alerts = re.findall(r"- alert: (\w+)", (DEPLOY / "prometheus/alerts.yml").read_text())
    lines = re.findall(
        r"^\| `(Streamproc\w+)` \|", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert alerts
    assert lines == alerts


def test_files_that_the_runbook_names_are_there() -> None:
    named = re.findall(
        r"`((?:tests|helm|prometheus|grafana|systemd)/[\w/.]*)`", RUNBOOK.read_text()
    )

    assert named
    roots = (DEPLOY, DEPLOY.parent)
    assert [each for each in named if not any((root / each).exists() for root in roots)] == []
