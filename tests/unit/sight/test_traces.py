from __future__ import annotations

import pytest
from otlp_receiver import attributes_of, receiving
from processes import wait_until
from pydantic import SecretStr
from structlog.testing import capture_logs

from streamproc.errors import ConfigError
from streamproc.events import Headers, Origin
from streamproc.settings import TracesSettings
from streamproc.sight.otlp import exporting
from streamproc.sight.traces import Parent, Sampler, Span, Trace, hex_id, parents_of

A, B = "a" * 32, "b" * 16


def header(text: str) -> Headers:
    return (("traceparent", text.encode()),)


def test_a_share_of_all_batches_is_traced_and_always_the_same() -> None:
    places = [Origin("events.raw", number % 7, number * 500) for number in range(20_000)]

    chosen = [each for each in places if Sampler(0.1).id_of(each) is not None]

    assert 0.09 < len(chosen) / len(places) < 0.11
    assert chosen == [each for each in places if Sampler(0.1).id_of(each) is not None]
    assert set(chosen) <= {each for each in places if Sampler(0.2).id_of(each) is not None}


@pytest.mark.parametrize(("ratio", "traced"), [(0.0, 0), (1.0, 100)])
def test_none_and_all_are_shares_too(ratio: float, traced: int) -> None:
    found = [Sampler(ratio).id_of(Origin("t", 0, number)) for number in range(100)]

    assert sum(each is not None for each in found) == traced


@pytest.mark.parametrize(
    "text",
    [
        f"00-{A}-{B}-01",
        f"00-{A}-{B}-00",  # that they did not sample it is no reason not to say whose it was
        f"cc-{A}-{B}-01-what-comes-later",
    ],
)
def test_a_record_says_in_which_span_it_was_sent(text: str) -> None:
    assert parents_of([header(text)]) == [Parent(int(A, 16), int(B, 16))]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane@example.com",
        f"ff-{A}-{B}-01",
        f"00-{A}-{B}-01-more",
        f"00-{'0' * 32}-{B}-01",
        f"00-{A}-{'0' * 16}-01",
        f"00-{A.upper()}-{B}-01",
        f"00-{A}-{B}",
    ],
)
def test_a_header_that_is_no_traceparent_is_passed_over(text: str) -> None:
    assert parents_of([header(text), (), (("traceparent", None),)]) == []


def test_links_are_distinct_and_bounded() -> None:
    headers = [header(f"00-{A}-{number + 1:016x}-01") for number in range(100) for _ in range(2)]

    found = parents_of(headers)

    assert len(set(found)) == len(found) == 32


def a_trace() -> Trace:
    return Trace(
        int(A, 16),
        Span("process events.raw", 1_000, 9_000, {"streamproc.rows": 3, "streamproc.ruleset": "f"}),
        [Span("decode", 1_000, 2_000, {}), Span("detect", 2_000, 8_000, {})],
        [Parent(7, 8)],
    )


def test_a_trace_arrives_with_its_stages_and_links() -> None:
    with receiving() as receiver:
        settings = TracesSettings(
            endpoint=receiver.endpoint, headers=SecretStr("x-key=se=cret, x-tenant=7")
        )
        with exporting(settings, "worker") as tracing:
            tracing.take(a_trace())

    (whole,) = receiver.roots()
    (detect,) = receiver.named("detect")
    assert receiver.services == {"streamproc-worker"}
    assert (receiver.headers[0]["x-key"], receiver.headers[0]["x-tenant"]) == ("se=cret", "7")
    assert whole.trace_id.hex() == hex_id(a_trace().id) == detect.trace_id.hex()
    assert (whole.start_time_unix_nano, whole.end_time_unix_nano) == (1_000, 9_000)
    assert (detect.start_time_unix_nano, detect.end_time_unix_nano) == (2_000, 8_000)
    assert detect.parent_span_id == whole.span_id
    assert attributes_of(whole) == {"streamproc.rows": 3, "streamproc.ruleset": "f"}
    assert [(each.trace_id.hex(), each.span_id.hex()) for each in whole.links] == [
        (f"{7:032x}", f"{8:016x}")
    ]


def test_a_receiver_that_refuses_is_told_of_once_and_quotes_nothing() -> None:
    with receiving() as receiver, capture_logs() as lines:
        receiver.status = 400
        with exporting(TracesSettings(endpoint=receiver.endpoint), "worker") as tracing:
            for _ in range(600):  # more than one export's worth
                tracing.take(a_trace())

    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert len(warnings) == 1
    assert warnings[0]["event"] == "traces are not taken, they are lost"


def test_nobody_who_listens_holds_nobody_up() -> None:
    with capture_logs() as lines:
        settings = TracesSettings(endpoint="http://127.0.0.1:1/v1/traces")
        with exporting(settings, "worker") as tracing:
            tracing.take(a_trace())

    wait_until(lambda: any(line["log_level"] == "warning" for line in lines))
    assert "127.0.0.1" not in str([line for line in lines if line["log_level"] == "warning"])


def test_headers_that_are_none_are_told_without_them() -> None:
    settings = TracesSettings(endpoint="http://127.0.0.1:1", headers=SecretStr("secret"))

    with pytest.raises(ConfigError, match=r"traces\.headers") as error, exporting(settings, "x"):
        pass

    assert "secret" not in str(error.value)
