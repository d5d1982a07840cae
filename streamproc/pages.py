"""Fetches pages that our processes show, such as ``/metrics``: bounded, and plainly told of."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Collection, Iterable
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from streamproc.errors import ConfigError, Problem, RetryableError

__all__ = ["check_addresses", "fetch", "shown"]

PAGE_BYTES: Final = 16 * 1_024 * 1_024
"""Most of a page that is read; a worker's metrics are some 50 KB."""


def check_addresses(addresses: Iterable[str], source: str, path: str) -> None:
    """See that ``addresses`` can be fetched.

    Args:
        addresses: URLs.
        source: Where they stand, for the problems.
        path: Where in it.

    Raises:
        ConfigError: With every address that is no URL of http or https.
    """
    expected = "expected http://host:port/path"
    wrong = [number for number, each in enumerate(addresses) if not _is_address(each)]
    if wrong:
        raise ConfigError(*(Problem(source, f"{path}[{number}]", expected) for number in wrong))


def shown(address: str) -> str:
    """Return an address as it may be told: without user name, password and query."""
    parts = urlsplit(address)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def fetch(address: str, seconds: float, also: Collection[int] = ()) -> bytes:
    """Return what a page holds, at most :data:`PAGE_BYTES` of it.

    Args:
        address: A URL that :func:`check_addresses` has seen.
        seconds: How long each step of it may take.
        also: Statuses beside 200 whose pages are wanted, such as 503 of what is not ready.

    Raises:
        RetryableError: It does not answer, or not with a page; the text says why.
    """
    request = urllib.request.Request(address, headers={"Accept": "text/plain"})  # noqa: S310 - see above
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 - see above
            page: bytes = answer.read(PAGE_BYTES)
            return page
    except urllib.error.HTTPError as error:
        with error:
            if error.code in also:
                return error.read(PAGE_BYTES)
        raise RetryableError(f"answers with {error.code}") from None
    except TimeoutError:
        raise RetryableError(f"no answer in {seconds:g} s") from None
    except urllib.error.URLError as error:
        raise RetryableError(_reason(error.reason, seconds)) from None
    except (HTTPException, OSError, ValueError) as error:
        raise RetryableError(_reason(error, seconds)) from None


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def _reason(error: object, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {seconds:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"no answer ({type(error).__name__})"
