from typing import Any

import pytest
from redaction import RING
from structlog.testing import capture_logs

from streamproc.events import Micros, Origin, Record
from streamproc.hot_keys import WINDOW_SECONDS
from streamproc.key_watch import KeyWatch
from streamproc.redact import Tokens
from streamproc.sight import Meter, metrics

TOKENS = Tokens(RING)


def minute_of(key: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], Meter]:
    """Return what is logged and measured of a minute in which nobody else came."""
    now = 0.0
    monkeypatch.setattr("streamproc.key_watch.time.monotonic", lambda: now)
    meter = Meter()
    watch = KeyWatch(0.2, TOKENS, meter)
    now = WINDOW_SECONDS
    with capture_logs() as logged:
        watch.look([Record(Origin("raw", 3, n), key, b"{}", Micros(0)) for n in range(2_000)])
    return list(logged), meter


def test_a_hot_key_is_told_by_the_token_that_rows_have(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,), meter = minute_of(b"Jane.Roe@example.com", monkeypatch)
    assert line["log_level"] == "warning"
    assert line["key"] == TOKENS.of_identifier("jane.roe@example.com")
    assert (line["topic"], line["partition"], line["events"]) == ("raw", 3, 2_000)
    assert line["share"] == 1.0
    assert "jane" not in str(line).lower()
    assert meter.value(metrics.HOT_KEY_SHARE) == 1.0


def test_a_key_that_is_no_text_has_the_token_of_its_rows_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (line,), _ = minute_of(b"\xff\x00", monkeypatch)
    assert line["key"] == TOKENS.ordering(b"\xff\x00").decode()
