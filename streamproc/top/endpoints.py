"""Asks processes for their metrics and their state, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, NamedTuple

import orjson

from streamproc.errors import RetryableError
from streamproc.pages import check_addresses, fetch, shown
from streamproc.top.figures import Figures, figures
from streamproc.top.samples import Page, by_process, parse

__all__ = ["Answer", "Endpoints", "addresses_of"]

ANSWER_SECONDS: Final = 2.0
MOST_AT_ONCE: Final = 32
NOT_READY: Final = 503
ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - what is listened on, not by us


class Answer(NamedTuple):
    """What came of asking one endpoint.

    Attributes:
        state: ``ready``, or why it is not.
        page: Its metrics; None where it did not answer, which ``state`` tells.
    """

    state: str
    page: Page | None


def addresses_of(given: Iterable[str], host: str, port: int | None) -> list[str]:
    """Return the addresses of ``given`` endpoints; of none, that of the settings' own port.

    Args:
        given: URLs, or ``host:port``.
        host: What the settings have processes listen on.
        port: The port; None if there is none.

    Raises:
        ConfigError: One of them is no address.
    """
    named = list(given)
    if not named and port:
        named = [f"{'127.0.0.1' if host in ANYWHERE else host}:{port}"]
    addresses = [each if "://" in each else f"http://{each}" for each in named]
    check_addresses(addresses, "command line", "ENDPOINT")
    return [each.removesuffix("/").removesuffix("/metrics") for each in addresses]


class Endpoints:
    """Some endpoints, and what they said the last time."""

    def __init__(self, addresses: Sequence[str], clock: Callable[[], float]) -> None:
        """Know nothing of them yet."""
        self._addresses = addresses
        self._clock = clock
        self._before: dict[str, Page] = {}
        self._pool = ThreadPoolExecutor(min(len(addresses), MOST_AT_ONCE))

    def look(self) -> list[Figures]:
        """Ask all of them, and return what each process does; one that does not answer is told."""
        answers = list(self._pool.map(self._ask, self._addresses))
        seen: dict[str, Page] = {}
        found = []
        for address, answer in zip(self._addresses, answers, strict=True):
            name = shown(address) or address
            if answer.page is None:
                found.append(Figures(name, state=answer.state, answers=False))
                continue
            for process, page in by_process(answer.page).items():
                each = f"{name}#{process}" if process else name
                seen[each] = page
                found.append(figures(each, answer.state, self._before.get(each), page))
        self._before = seen
        return found

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _ask(self, address: str) -> Answer:
        try:
            page = parse(fetch(f"{address}/metrics", ANSWER_SECONDS), self._clock())
        except RetryableError as error:
            return Answer(str(error), None)
        return Answer(_state(address), page)


def _state(address: str) -> str:
    """Return what a process says of itself; nothing where it says nothing."""
    with suppress(RetryableError, ValueError, AttributeError, TypeError):
        state = orjson.loads(fetch(f"{address}/readyz", ANSWER_SECONDS, {NOT_READY}))
        if state.get("ready"):
            return "ready"
        return "; ".join(f"{part}: {why}" for part, why in state["reasons"].items())
    return ""
