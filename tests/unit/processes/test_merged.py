import socket
from collections.abc import Mapping
from contextlib import ExitStack

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streamproc.processes.merged import Answer, Merged, ReservedPorts, ask_process
from streamproc.settings import MetricsSettings
from streamproc.sight import Health, Meter, Views, metrics, serving


def process_with(events: int, fault: str | None = None, lack: str | None = None) -> Views:
    meter, health = Meter(), Health()
    meter.count(metrics.EVENTS, events, ("row",))
    meter.observe(metrics.BATCH_SECONDS, [0.2] * events)
    if fault is not None:
        health.watch("event loop", lambda: fault)
    if lack is not None:
        health.missing("group", lack)
    return Views.of(meter, health)


def merged_of(stack: ExitStack, processes: Mapping[str, Views | None]) -> Merged:
    """Serve what is there of ``processes``, each at the port that was reserved for it."""
    reserved = ReservedPorts(list(processes))
    stack.callback(reserved.close)
    for name, views in processes.items():
        if views is not None:
            settings = MetricsSettings(port=reserved.numbers()[name])
            stack.enter_context(serving(settings, views))
    return Merged(reserved.numbers())


def test_samples_of_all_processes_are_told_apart_by_a_label() -> None:
    with ExitStack() as stack:
        merged = merged_of(stack, {"0": process_with(3), "1": process_with(5)})
        text = generate_latest(merged).decode()
    assert 'streamproc_events_total{outcome="row",process="0"} 3.0' in text
    assert 'streamproc_events_total{outcome="row",process="1"} 5.0' in text
    assert 'streamproc_batch_seconds_count{process="1"} 5.0' in text
    assert text.count("# TYPE streamproc_events_total counter") == 1
    assert len(list(text_string_to_metric_families(text))) == 2


def test_a_process_that_is_not_running_has_no_samples_and_is_a_lack_but_no_fault() -> None:
    with ExitStack() as stack:
        merged = merged_of(stack, {"0": process_with(3), "1": None})
        assert 'process="1"' not in generate_latest(merged).decode()
        assert merged.faults() == {}
        assert merged.lacks() == {"process 1": "is not running"}


def test_reasons_say_which_process_they_are_of() -> None:
    with ExitStack() as stack:
        views = {
            "0": process_with(0, fault="hangs for 31 s"),
            "1": process_with(0, lack="has not joined"),
        }
        merged = merged_of(stack, views)
        assert merged.faults() == {"process 0: event loop": "hangs for 31 s"}
        assert merged.lacks() == {
            "process 0: event loop": "hangs for 31 s",
            "process 1: group": "has not joined",
        }


def test_a_process_that_does_not_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.processes.merged.ASK_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        merged = Merged({"0": silent.getsockname()[1]})
        assert merged.faults() == {"process 0": "does not answer"}


def test_a_reserved_port_is_nobody_elses_and_refuses() -> None:
    reserved = ReservedPorts(["0"])
    port = reserved.numbers()["0"]
    try:
        assert ask_process(port, "/metrics") == Answer(lack="is not running")
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind(("127.0.0.1", port))
    finally:
        reserved.close()
