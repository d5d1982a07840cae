"""What a process shows of itself over HTTP, as tests look at it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

from processes import Process
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Answer", "Seen"]

SECONDS = 10.0


class Answer(NamedTuple):
    """What came of a request."""

    status: int
    kind: str
    text: str

    @property
    def reasons(self) -> Mapping[str, str]:
        """Return what a state that is not good says."""
        found: dict[str, str] = json.loads(self.text)["reasons"]
        return found


class Seen:
    """A process that serves what is to be seen of it."""

    def __init__(self, port: int) -> None:
        self.port = port

    @classmethod
    def of(cls, process: Process) -> Seen:
        """Return what shows ``process``, once it says on which port; its log has to be JSON."""
        return cls(json.loads(process.wait_for("metrics are served"))["port"])

    def get(self, path: str, **headers: str) -> Answer:
        """Return the answer to a request, whatever its status."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                kind = response.headers["Content-Type"]
                return Answer(response.status, kind, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers["Content-Type"], error.read().decode())

    def ready(self) -> bool:
        """Return whether it says that it is ready."""
        return self.get("/readyz").status == 200

    def samples(self) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return every sample of its metrics, by name and labels."""
        text = self.get("/metrics").text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: Any) -> float | None:
        """Return one sample; None if there is none."""
        asked = frozenset((label, str(value)) for label, value in labels.items())
        return self.samples().get((name, asked))

    def total(self, name: str) -> float:
        """Return the sum of all samples of one name."""
        return sum(value for (found, _), value in self.samples().items() if found == name)
