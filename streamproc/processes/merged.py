"""The metrics and health of several processes as those of one: what the parent's port shows.

Each process serves its own on a port of the loopback interface, which is kept for it over its
restarts. They are asked when the parent's are asked for: nothing is remembered, so a process that
died is seen to be gone.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import orjson
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from streamproc.sight import Views

__all__ = ["Merged", "ReservedPorts"]

LOOPBACK: Final = "127.0.0.1"
ASK_SECONDS: Final = 3.0
"""How long a process may take to answer: Prometheus waits 10 s for all of them."""
LABEL: Final = "process"
GONE: Final = "is not running"
SILENT: Final = "does not answer"


class ReservedPorts:
    """Ports of the loopback interface, kept for processes that will listen on them.

    A socket that is bound to a port and does not listen keeps the kernel from giving it to others;
    with ``SO_REUSEADDR`` on both, another may still be bound to it and listen (``socket(7)``).
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Reserve a port for each of ``names``, as long as this lives."""
        self._sockets = {name: socket.socket() for name in names}
        for each in self._sockets.values():
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((LOOPBACK, 0))

    def numbers(self) -> Mapping[str, int]:
        """Return the ports, by name."""
        return {name: each.getsockname()[1] for name, each in self._sockets.items()}

    def close(self) -> None:
        """Let others have them."""
        for each in self._sockets.values():
            each.close()


class Answer(NamedTuple):
    """What a process said; ``lack`` why it said nothing."""

    text: str = ""
    lack: str | None = None


class Merged(Collector):
    """Asks processes, and makes one of what they say."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        """Keep the ports, by the processes' names."""
        self._ports = ports

    @property
    def views(self) -> Views:
        """What a server shows of them."""
        return Views(self, self.faults, self.lacks)

    def collect(self) -> Iterator[Family]:
        """Yield the metrics of all processes, each sample with the name of its process."""
        families: dict[str, Family] = {}
        for name, answer in self._all("/metrics"):
            for family in text_string_to_metric_families(answer.text):
                merged = families.setdefault(
                    family.name, Family(family.name, family.documentation, family.type)
                )
                merged.samples += [_labelled(sample, name) for sample in family.samples]
        yield from families.values()

    def faults(self) -> Mapping[str, str]:
        """Return by process and part why one cannot go on.

        A process that is not running is no fault: the parent starts it again, or ends.
        """
        return {
            part: reason for part, reason in self._reasons("/healthz").items() if reason != GONE
        }

    def lacks(self) -> Mapping[str, str]:
        """Return by process and part what is not ready."""
        return self._reasons("/readyz")

    def _reasons(self, path: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, answer in self._all(path):
            if answer.lack is not None:
                found[f"process {name}"] = answer.lack
                continue
            reasons = orjson.loads(answer.text)["reasons"]
            found |= {f"process {name}: {part}": reason for part, reason in reasons.items()}
        return found

    def _all(self, path: str) -> Iterable[tuple[str, Answer]]:
        # At once: one that hangs must not have the others asked too late.
        with ThreadPoolExecutor(len(self._ports)) as pool:
            answers = pool.map(lambda port: ask_process(port, path), self._ports.values())
            return list(zip(self._ports, answers, strict=True))


def ask_process(port: int, path: str) -> Answer:
    """Return what the process at ``port`` says at ``path``."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", path)
        return Answer(connection.getresponse().read().decode())
    except ConnectionRefusedError:
        return Answer(lack=GONE)
    except (OSError, http.client.HTTPException):
        return Answer(lack=SILENT)
    finally:
        connection.close()


def _labelled(sample: Sample, process: str) -> Sample:
    return sample._replace(labels={**sample.labels, LABEL: process})
