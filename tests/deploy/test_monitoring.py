"""Alarms and dashboards: what they ask for is there, and Prometheus' own tool agrees with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy_tools import DEPLOY, called, promtool
from ruamel.yaml import YAML

from streamproc.settings import MetricsSettings, TopicSettings
from streamproc.sight import METRICS, Health, Meter, WorkerSight, registry_of
from streamproc.sight.server import Views, serving

PROMETHEUS = DEPLOY / "prometheus"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
NAMES = {
    metric.name + suffix: metric
    for metric in METRICS
    for suffix in (("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",))
}
ADDED = {"instance", "job", "process", "le"}
"""By Prometheus, by several processes that are one, and by histograms."""
SERIES = re.compile(r"(streamproc_\w+)\s*(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
GROUPED = re.compile(r"\bby \(([^)]*)\)")


def alerts() -> list[dict[str, Any]]:
    read = YAML(typ="safe").load(PROMETHEUS / "alerts.yml")
    return [rule for group in read["groups"] for rule in group["rules"]]


def panels(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["panels"]
    return found


def expressions() -> Iterator[str]:
    for alert in alerts():
        yield alert["expr"]
    for file in DASHBOARDS:
        for panel in panels(file):
            yield from (target["expr"] for target in panel.get("targets", ()))


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_what_is_asked_for_is_measured_with_these_labels(expression: str) -> None:
    known: set[str] = set(ADDED)
    for name, selector in SERIES.findall(expression):
        assert name in NAMES, name
        known |= {*NAMES[name].labels}
        asked = {label for label, _ in LABEL.findall(selector or "")}
        assert asked <= {*NAMES[name].labels} | ADDED, name
    for group in GROUPED.findall(expression):
        assert {label.strip() for label in group.split(",")} <= known


def test_every_metric_is_on_a_dashboard() -> None:
    shown = " ".join(
        target["expr"]
        for file in DASHBOARDS
        for panel in panels(file)
        for target in panel.get("targets", ())
    )

    assert [metric.name for metric in METRICS if metric.name not in shown] == []


def test_every_alarm_says_what_to_do_and_is_tested() -> None:
    tested = (PROMETHEUS / "alerts_test.yml").read_text(encoding="utf-8")

    for alert in alerts():
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "runbook"} <= alert["annotations"].keys()
        assert alert["alert"] in tested


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_panels_have_places_of_their_own(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(file):
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in panels(file)]
    assert len(set(ids)) == len(ids)


@pytest.mark.timeout(1_600)  # where the tool has to be built
@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_prometheus_own_tool_agrees(arguments: list[str]) -> None:
    *command, file = arguments
    done = called([promtool(), *command, PROMETHEUS / file])

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(1_600)
def test_prometheus_own_tool_finds_nothing_to_better_in_our_metrics() -> None:
    from seen import Seen  # noqa: PLC0415 - beside the tool alone

    meter, health = Meter(), Health()
    WorkerSight(TopicSettings(), meter, health)
    for metric in METRICS:
        labels = metric.labels
        if metric.kind == "histogram":
            meter.observe(metric, [1.0], labels)
        elif metric.kind == "counter":
            meter.count(metric, 1, labels)
        else:
            meter.set(metric, 1, labels)
    views = Views.of(registry_of(meter), health)
    with serving(MetricsSettings(port=0), views) as port:
        assert port is not None
        text = Seen(port).get("/metrics").text

    done = called([promtool(), "check", "metrics"], text)

    said = [line for line in (done.stdout + done.stderr).splitlines() if "streamproc" in line]
    assert said == []
