from __future__ import annotations

import pytest

from streamproc.errors import ConfigError, RetryableError
from streamproc.pages import check_addresses, fetch, shown
from streamproc.settings import MetricsSettings
from streamproc.sight import Health, Meter, Views, serving


def test_a_page_that_is_not_there_is_told_by_its_status() -> None:
    views = Views.of(Meter(), Health({"rules": "starts"}))
    with serving(MetricsSettings(port=0), views) as port:
        with pytest.raises(RetryableError, match="answers with 404"):
            fetch(f"http://127.0.0.1:{port}/nowhere", 5)
        with pytest.raises(RetryableError, match="answers with 503"):
            fetch(f"http://127.0.0.1:{port}/readyz", 5)
        assert b"starts" in fetch(f"http://127.0.0.1:{port}/readyz", 5, {503})


def test_who_does_not_listen_is_told_plainly() -> None:
    with pytest.raises(RetryableError, match=r"^connection refused$"):
        fetch("http://127.0.0.1:1/metrics", 5)


def test_an_address_is_shown_without_what_is_secret_in_it() -> None:
    assert shown("https://me:secret@example.com:9/metrics?key=secret") == "example.com:9/metrics"


def test_addresses_that_are_none_are_told_by_their_place_not_quoted() -> None:
    with pytest.raises(ConfigError) as refused:
        check_addresses(["http://example.com", "file:///etc/passwd"], "settings", "canary.pages")
    assert str(refused.value) == "settings: canary.pages[1]: expected http://host:port/path"
