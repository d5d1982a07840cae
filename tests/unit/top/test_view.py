from __future__ import annotations

import io

import pytest
from rich.console import Console

from streamproc.top import Figures
from streamproc.top.view import drawn

WORKER = Figures(
    "10.0.0.1:9464",
    "worker",
    "ready",
    events=1_234.5,
    megabytes=1.5,
    lag=12.0,
    p50=0.02,
    p99=1.25,
    cpu=0.5,
    memory=3e8,
    partitions=2.0,
    ruleset="41bc6751749ad9b6",
    errors=0.5,
    findings={"EMAIL_ADDRESS": 20.0},
    dead={"decode.not_json": 0.5},
)


def shown(*processes: Figures, width: int = 160) -> str:
    output = io.StringIO()
    Console(width=width, file=output).print(drawn(processes, width))
    return output.getvalue()


def test_a_worker_is_a_line_with_what_fits() -> None:
    text = shown(WORKER)
    for part in ("10.0.0.1:9464", "1,234", "12", "20 ms", "1.2 s", "50%", "300 MB", "41bc6751"):
        assert part in text
    assert "EMAIL_ADDRESS" in text
    assert "decode.not_json" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = shown(WORKER, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert any("1,234" in line for line in lines)


def test_who_does_not_answer_is_told_with_the_reason() -> None:
    text = shown(WORKER, Figures("h:1", state="connection refused", answers=False))
    assert "h:1: connection refused" in text
    assert "away" in text


def test_who_is_not_ready_is_told_with_the_reason() -> None:
    assert "rules: starts" in shown(Figures("h:1", "worker", state="rules: starts"))


def test_rulesets_that_differ_are_told() -> None:
    other = Figures("h:1", "worker", "ready", ruleset="30e40aea16fbe294")
    assert "different rulesets" in shown(WORKER, other)
    assert "different rulesets" not in shown(WORKER, WORKER)
