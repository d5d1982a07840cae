"""Pipelines made in the background: which are kept, and what comes of what cannot be made."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from streamproc.assemble import Assembly
from streamproc.detect import Detector, Text
from streamproc.effects.trials import TEST_RING
from streamproc.events import Finding
from streamproc.identity import View
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.pipelines import KEPT, Pipelines
from streamproc.rollout.records import Published
from streamproc.settings import Settings

RULES = "version: 1\nname: r%d\nentities: [EMAIL_ADDRESS]\noperators: {default: hash}\n"


def published(number: int, fingerprint: str | None = None) -> Published:
    files = {"rules.yaml": RULES % number}
    return Published(
        id=number,
        nonce="n",
        files=files,
        fingerprint=fingerprint or open_bundle(files).fingerprint,
        rows="",
        author="a",
        message="m",
        at="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture
def pipelines() -> Iterator[Pipelines]:
    made = Pipelines(Assembly(Settings(), TEST_RING, View()).pipeline)
    yield made
    made.close()


def test_what_is_about_to_take_over_is_kept_while_a_worker_reads_what_is_long_past(
    pipelines: Pipelines,
) -> None:
    waiting = pipelines.of(published(9)).result(60)
    for number in range(1, KEPT + 3):
        pipelines.of(published(number)).result(60)

    assert pipelines.states()[9].state == "ready"
    assert pipelines.of(published(9)).result(60) is waiting
    assert len(pipelines.states()) == KEPT


def test_a_detector_has_met_texts_before_the_flow_uses_it(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    detect = Detector.detect

    def noting(detector: Detector, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        threads.append(threading.current_thread().name)
        return detect(detector, texts)

    monkeypatch.setattr(Detector, "detect", noting)
    pipelines.of(published(1)).result(60)
    pipelines.of(published(2)).result(60)  # searches for the same, with the same detector

    assert threads == ["rules_0"]


def test_rules_that_mean_something_else_here_are_refused(pipelines: Pipelines) -> None:
    error = pipelines.of(published(1, "0" * 16)).exception(60)

    assert "means something else" in str(error)
    assert pipelines.states()[1].state == "refused"
