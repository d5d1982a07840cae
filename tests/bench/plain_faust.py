"""The peer: plain Faust, its own transport, one event a message, Presidio on every string.

What one writes first with these libraries: decode, walk, ``AnalyzerEngine.analyze`` each string,
replace what was found, send, await. Same recognizers, entities, threshold and context as ours.

    python tests/bench/plain_faust.py BROKERS TOPIC OUT GROUP
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import faust
import orjson
from presidio_analyzer import AnalyzerEngine

from streamproc.detect import Recognition, key_words
from streamproc.detect.recognizers import reference_engine
from streamproc.rules import load_ruleset
from streamproc.shipped import shipped


class Redactor:
    """Presidio, string by string."""

    def __init__(self) -> None:
        ruleset = load_ruleset(shipped("rules"))
        self._entities = sorted(ruleset.entities)
        self._minimum = ruleset.minimum_score
        recognition = Recognition(frozenset(self._entities), self._minimum, own=ruleset.recognizers)
        self._engine: AnalyzerEngine = reference_engine(recognition)

    def redact(self, node: Any, key: str = "") -> Any:
        if isinstance(node, dict):
            return {name: self.redact(value, name) for name, value in node.items()}
        if isinstance(node, list):
            return [self.redact(value, key) for value in node]
        return self._text(node, key) if isinstance(node, str) else node

    def _text(self, text: str, key: str) -> str:
        found = self._engine.analyze(
            text,
            language="en",
            entities=self._entities,
            score_threshold=self._minimum,
            context=list(key_words(key)),
        )
        for finding in sorted(found, key=lambda finding: -finding.start):
            text = f"{text[: finding.start]}<{finding.entity_type}>{text[finding.end :]}"
        return text


def main() -> None:
    brokers, topic, out, group = sys.argv[1:]
    redactor = Redactor()
    app = faust.App(
        group,
        broker=f"kafka://{brokers}",
        datadir=Path(tempfile.gettempdir(), "streamproc-bench"),  # not the working folder
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        value_serializer="raw",
        stream_recovery_delay=0,
    )
    target = app.topic(out, value_serializer="raw")

    @app.agent(app.topic(topic, value_serializer="raw"))
    async def agent(stream: Any) -> None:
        async for value in stream:
            try:
                event = orjson.loads(value)
            except orjson.JSONDecodeError:
                continue
            await (await target.send(value=orjson.dumps(redactor.redact(event))))

    faust.Worker(
        app, quiet=True, loglevel="ERROR", redirect_stdouts=False
    ).execute_from_commandline()


if __name__ == "__main__":
    main()
