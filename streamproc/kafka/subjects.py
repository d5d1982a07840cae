"""The subjects of a schema registry, and the schemas of files that belong under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self, cast

from streamproc.errors import ConfigError, Problem
from streamproc.formats import (
    MODES,
    Declared,
    Mode,
    SchemaFile,
    load_schema_file,
    load_schema_folder,
)
from streamproc.kafka.registry import as_declared
from streamproc.kafka.registry_client import RefusedError, asked, make_client
from streamproc.settings import Settings
from streamproc.shipped import shipped

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema

__all__ = ["LocalSchema", "Subjects", "Version", "chosen", "local_schemas"]

OF_TOPICS: Final = {
    "row": "load",
    "dead_letter": "dead",
    "link": "links",
    "attributes": "attributes",
    "deletion": "deletions",
    "suppression": "suppressed",
}
"""Shipped schemas, and the settings of the topics whose messages are of them."""


class LocalSchema(NamedTuple):
    """A schema of a file, and the subject that it belongs under."""

    subject: str
    file: Path
    declared: Declared


class Version(NamedTuple):
    """A schema of a subject, the number of its version, and its id."""

    number: int
    id: int
    declared: Declared


def local_schemas(settings: Settings) -> list[LocalSchema]:
    """Return the shipped schemas of the topics, and those of raw events of the settings' folder.

    Raises:
        ConfigError: With every problem of the folder; two of its schemas belong under one subject.
    """
    found = []
    for name, topic in OF_TOPICS.items():
        schema = load_schema_file(shipped(f"schemas/{name}.avsc"))
        subject = f"{getattr(settings.topics, topic)}-value"
        found.append(LocalSchema(subject, schema.file, schema.declared))
    return [*found, *_of_raw_events(settings)]


def _of_raw_events(settings: Settings) -> Iterator[LocalSchema]:
    folder = settings.formats.schemas
    taken: dict[str, Path] = {}
    for each in () if folder is None else load_schema_folder(folder).files:
        subject = _subject(settings, each)
        if subject in taken:
            told = (
                f"belongs under {subject}, as {taken[subject].name} does; "
                "set registry.subjects to topic_record, and in the producers the same strategy"
            )
            raise ConfigError(Problem(str(each.file), "", told))
        taken[subject] = each.file
        yield LocalSchema(subject, each.file, each.declared)


def _subject(settings: Settings, schema: SchemaFile) -> str:
    """Return the subject that a schema of raw events is under.

    As Confluent's serializers name it:
    https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#subject-name-strategy.
    """
    raw = settings.topics.raw
    names = {"topic": f"{raw}-value", "record": schema.name, "topic_record": f"{raw}-{schema.name}"}
    return names[settings.registry.subjects]


class Subjects:
    """The subjects of the settings' registry; a context manager.

    Everything raises ``ConfigError`` where the registry refuses us, and ``RetryableError`` where it
    cannot be reached.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect when it is first asked.

        Raises:
            ConfigError: There is none, or its settings cannot be used.
        """
        if settings.registry.url is None:
            raise ConfigError(Problem("settings", "registry.url", "no schema registry is named"))
        self._client = make_client(settings.registry)

    def versions(self, subject: str) -> list[Version]:
        """Return the schemas of a subject, oldest first; none where there is no such subject."""
        numbers = asked(lambda: self._client.get_versions(subject), subject) or []
        found = (self._version(subject, number) for number in sorted(numbers))
        return [each for each in found if each is not None]

    def mode(self, subject: str) -> Mode:
        """Return what new versions of a subject are held to: its own setting, or the registry's."""
        own = asked(lambda: self._client.get_compatibility(subject), subject)
        said = own or asked(self._client.get_compatibility, "its compatibility") or "NONE"
        return next((mode for mode in MODES if mode == said), "NONE")

    def set_mode(self, subject: str, mode: Mode) -> None:
        """Hold new versions of a subject to ``mode``."""
        asked(lambda: self._client.set_compatibility(subject, mode), subject)

    def accepts(self, subject: str, declared: Declared) -> bool:
        """Return the registry's own verdict on a new version of a subject that has some."""
        schema = _as_schema(declared)
        verdict = asked(
            lambda: self._client.test_compatibility_all_versions(subject, schema), subject
        )
        return verdict is not False

    def find(self, subject: str, declared: Declared) -> int | None:
        """Return the number of the version that is ``declared``; None where there is none."""
        schema = _as_schema(declared)
        found = asked(lambda: self._client.lookup_schema(subject, schema), subject)
        return None if found is None else cast("int", found.version)

    def register(self, subject: str, declared: Declared) -> bool:
        """Register a new version; False where the registry does not take it."""
        schema = _as_schema(declared)
        try:
            asked(lambda: self._client.register_schema(subject, schema), f"a schema of {subject}")
        except RefusedError:
            return False
        return True

    def _version(self, subject: str, number: int) -> Version | None:
        found = asked(lambda: self._client.get_version(subject, number), subject)
        if found is None or found.schema is None:
            return None
        return Version(
            number, cast("int", found.schema_id), as_declared(self._client, found.schema)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()


def chosen(schemas: Sequence[LocalSchema], subjects: Sequence[str]) -> Sequence[LocalSchema]:
    """Return the schemas of ``subjects``, or all where none is named.

    Raises:
        ConfigError: No schema belongs under one of them.
    """
    known = [each.subject for each in schemas]
    unknown = [each for each in subjects if each not in known]
    if unknown:
        told = f"no schema belongs under it; expected one of {', '.join(known)}"
        raise ConfigError(*(Problem("command line", each, told) for each in unknown))
    return [each for each in schemas if not subjects or each.subject in subjects]


def _as_schema(declared: Declared) -> Schema:
    from confluent_kafka.schema_registry import Schema  # noqa: PLC0415 - where there is a client

    return Schema(declared.text, declared.kind)
