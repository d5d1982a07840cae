"""From settings to the parts of a process: the one place where files, keys and folders are read.

An edge: imports ``settings`` and the core; knows no Kafka.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias, get_args
from weakref import WeakValueDictionary

from streamproc.deadletters import sealer
from streamproc.decode import Limits
from streamproc.detect import Detector, NameModel, Recognition, Text, key_words
from streamproc.enrich.enricher import Enricher
from streamproc.erasure import Listed, Suppression
from streamproc.errors import ConfigError, Problem
from streamproc.events import Token
from streamproc.formats import Formats, SchemaFolder, load_schema_folder
from streamproc.hardening import leave_no_dumps
from streamproc.identity import People
from streamproc.identity.config import load_identity
from streamproc.identity.language import IdentityConfig
from streamproc.key_command import printed_by
from streamproc.pipeline import Parts, Pipeline
from streamproc.redact import (
    Ciphers,
    KeyRing,
    Memo,
    NamedTrait,
    Naming,
    Redactor,
    ScopedSites,
    Subjects,
    Tokens,
    nobody_tokens,
    parse_key_ring,
)
from streamproc.redact.wiping import wipe
from streamproc.rules import Encrypt, Ruleset, load_ruleset
from streamproc.settings import Settings, cache_directory, variable_name
from streamproc.shipped import shipped
from streamproc.subject_keys import SubjectKeyFile
from streamproc.tracking import (
    TrackingPlan,
    load_annotated_events,
    load_tracking_plan,
    with_annotated,
)
from streamproc.transform import Code, Phase, Transformer, load_code
from streamproc.transform import Limits as TransformLimits

__all__ = [
    "NO_DETECTORS",
    "Assembly",
    "Detectors",
    "detectors_fingerprint",
    "every_key",
    "has_key_ring",
    "load_ciphers",
    "load_formats",
    "load_identity_config",
    "load_key_ring",
    "load_plan",
    "load_rules",
    "load_subject_keys",
    "load_transformations",
    "make_detector",
    "make_limits",
    "make_pipeline",
    "naming_of",
    "nobody_of",
    "ready_detectors",
    "refuse_unallowed",
    "row_fingerprint",
]

OTHERS_MAY_READ = 0o077

Detectors: TypeAlias = Mapping[Recognition, Detector]
NO_DETECTORS: Detectors = MappingProxyType({})

FIRST_TEXTS = (
    Text("Jane Roe asked us to ring (212) 555-0142, or to write to her at jane@example.com."),
    Text("https://www.example.com/orders?ip=192.0.2.1&card=4111111111111111"),
)
"""Texts that most parts of a detector have to do with: some are made when they are met first, which
takes 50 to 500 ms, and no batch of live events is to wait for it."""


def load_rules(settings: Settings) -> Ruleset:
    """Return the ruleset of the settings' folder, or the shipped one.

    Raises:
        ConfigError: With every problem of the file.
    """
    return load_ruleset(settings.rules.directory or shipped("rules"))


def load_plan(settings: Settings) -> TrackingPlan | None:
    """Return the tracking plan of the settings' folder; None where none is named.

    Raises:
        ConfigError: With every problem of its files.
    """
    folder = settings.tracking_plan.directory
    return None if folder is None else load_tracking_plan(folder)


def load_formats(settings: Settings) -> Formats:
    """Return what reads raw events that are not plain JSON, with the schemas of the settings.

    Raises:
        ConfigError: With every problem of the schemas.
    """
    folder = settings.formats.schemas
    schemas = SchemaFolder() if folder is None else load_schema_folder(folder)
    return Formats(schemas, make_limits(settings), registry=settings.registry.url is not None)


def load_identity_config(settings: Settings) -> IdentityConfig:
    """Return the identity configuration of the settings, or the shipped one.

    Raises:
        ConfigError: With every problem of the file.
    """
    return load_identity(settings.identity.file or shipped("rules/identity/default.yaml"))


def load_transformations(settings: Settings) -> Code | None:
    """Return the transformations of the settings' folder; None where none is named.

    Raises:
        ConfigError: With every problem of its files.
    """
    folder = settings.transform.directory
    return None if folder is None else load_code(folder)


def load_key_ring(settings: Settings) -> KeyRing:
    """Return the key ring of the settings; the process leaves no core dump from then on.

    What it was read from is overwritten in memory (:mod:`streamproc.redact.wiping`), but for the
    setting ``keys.ring``, which the settings hold.

    Raises:
        ConfigError: None is configured, or it cannot be read, or others can read its file, or the
            command fails.
        RetryableError: The command takes too long.
    """
    leave_no_dumps()
    keys = settings.keys
    if keys.ring is not None:
        return parse_key_ring(keys.ring.get_secret_value(), variable_name("keys", "ring"))
    if keys.command:
        printed = printed_by(keys.command, keys.command_seconds, keys.command_variables)
        return _parsed(printed, "keys.command")
    if keys.file is not None:
        return _parsed(_secret(keys.file), str(keys.file))
    message = "no key ring is configured; make one with `streamproc keys generate`"
    raise ConfigError(Problem("settings", "keys.file", message))


def has_key_ring(settings: Settings) -> bool:
    """Return whether the settings name a key ring."""
    keys = settings.keys
    return bool(keys.ring or keys.command or keys.file)


def _parsed(written: bytearray, source: str) -> KeyRing:
    try:
        text = written.decode("ascii")
    except UnicodeDecodeError:
        text = None  # raised below: the error has all of it
    finally:
        wipe(written)
    if text is None:
        raise ConfigError(Problem(source, "", "is not a key ring"))
    try:
        return parse_key_ring(text, source)
    finally:
        wipe(text)


def load_subject_keys(settings: Settings, ring: KeyRing) -> SubjectKeyFile:
    """Return the store of people's keys of the settings; made where there is none.

    Raises:
        ConfigError: None is configured, or it cannot be used.
    """
    if settings.keys.subjects is None:
        message = "no store of people's keys is configured; name a file, which is made"
        raise ConfigError(Problem("settings", "keys.subjects", message))
    return SubjectKeyFile(settings.keys.subjects, ring)


def load_ciphers(settings: Settings) -> Ciphers:
    """Return what opens ciphertexts of the settings' key ring, and people's keys where configured.

    Raises:
        ConfigError: As :func:`load_key_ring` and :func:`load_subject_keys`.
    """
    ring = load_key_ring(settings)
    configured = settings.keys.subjects is not None
    return Ciphers(ring, load_subject_keys(settings, ring) if configured else None)


def naming_of(config: IdentityConfig) -> Naming:
    """Return what in an event names somebody, by the identity configuration."""
    said = config.identifiers
    traits = (NamedTrait(each.name, each.fields, each.entity or "") for each in said.traits)
    return Naming(tuple(traits), config.accounts.fields, said.generic, said.characters)


def nobody_of(config: IdentityConfig, ring: KeyRing) -> frozenset[Token]:
    """Return the tokens that stand for nobody, under every key of ``ring``."""
    return nobody_tokens(every_key(ring), naming_of(config))


def every_key(ring: KeyRing) -> Tokens:
    """Return what makes tokens with all keys of ``ring``, also those that overlap no more."""
    others = tuple(version for version in ring.secrets if version != ring.active)
    return Tokens(KeyRing(ring.active, ring.secrets, others))


def make_limits(settings: Settings) -> Limits:
    """Return the bounds past which an event is dead-lettered."""
    limits = settings.limits
    return Limits(limits.event_bytes, limits.depth, limits.text_characters)


def make_detector(settings: Settings, ruleset: Ruleset) -> Detector:
    """Return a detector of what ``ruleset`` searches for; takes seconds, for its models."""
    return Detector(
        _recognition(settings, ruleset),
        cache=cache_directory(settings),
        processes=settings.detect.processes,
    )


def make_pipeline(
    settings: Settings,
    ring: KeyRing,
    view: People,
    ruleset: Ruleset | None = None,
    listed: Listed | None = None,
) -> Pipeline:
    """Return the pipeline of the settings, or of ``ruleset``; takes seconds, for its models.

    ``listed`` are those whose events are suppressed.

    Raises:
        ConfigError: With every problem of the rules, of the tracking plan, or of the public key.
    """
    return Assembly(settings, ring, view, listed=listed).pipeline(ruleset or load_rules(settings))


class Assembly:
    """Makes the pipelines of one process, one for each ruleset it meets.

    They have all but the rules in common: keys, view, seal, tracking plan, models; the detector
    too, where two rulesets search for the same. May be used in another thread than the one that
    runs the pipelines, but runs of pipelines that it made are for one thread at a time.

    Attributes:
        formats: What reads raw events that are not plain JSON; whoever reads a topic tells it the
            schemas of its registry.
    """

    def __init__(
        self,
        settings: Settings,
        ring: KeyRing,
        view: People,
        *,
        listed: Listed | None = None,
        show_log: bool = False,
    ) -> None:
        """Read the tracking plan, and get the seal ready.

        Args:
            settings: Name the files and folders.
            ring: The keys of tokens.
            view: Of identities.
            listed: Whose events are suppressed; None for nobody's.
            show_log: Whether what transformations log is shown, for tests of them.

        Raises:
            ConfigError: With every problem of the tracking plan, or of the public key.
        """
        public_key = settings.dead_letters.public_key
        self._settings = settings
        self._seal = sealer(public_key) if public_key is not None else None
        self._plan = load_plan(settings)
        self.formats = load_formats(settings)
        self._annotated = load_annotated_events(self.formats.files)
        identity = load_identity_config(settings)
        self._naming = naming_of(identity)
        self._enricher = Enricher(identity.enrichments) if identity.enrichments else None
        self._code = load_transformations(settings)
        self._transformers = {
            phase: self._transformer(phase, show_log=show_log) for phase in get_args(Phase)
        }
        self._ring = ring
        self._view = view
        self._listed = listed
        self._detectors: WeakValueDictionary[Recognition, Detector] = WeakValueDictionary()

    def adopt(self, detectors: Detectors) -> None:
        """Use ``detectors``, which are ready, where they fit, as long as somebody keeps them."""
        self._detectors.update(detectors)

    def apart(self) -> Assembly:
        """Return one for another thread, to try rules: only what reads events is shared."""
        made = Assembly(self._settings, self._ring, self._view)
        made.formats = self.formats
        return made

    def pipeline(self, ruleset: Ruleset) -> Pipeline:
        """Return a pipeline of ``ruleset``; takes seconds the first time, for the models.

        Raises:
            ConfigError: As :meth:`parts`.
        """
        return Pipeline(self.parts(ruleset))

    def parts(self, ruleset: Ruleset) -> Parts:
        """Return the parts of a pipeline of ``ruleset``, for who looks into it.

        Raises:
            ConfigError: The ruleset asks for something that this installation has not, such as a
                model or a store of people's keys, or does not allow what it has.
        """
        settings = self._settings
        if self._code is not None:
            refuse_unallowed(self._code, ruleset)
        detector = self._detector(ruleset)
        fingerprint = _row_fingerprint(
            ruleset,
            detector.fingerprint,
            self._plan,
            self._enricher,
            self._code,
            self.formats,
        )
        name = ruleset.name
        if self._plan is not None:
            ruleset = with_annotated(ruleset, self._plan.annotated)
        ruleset = with_annotated(ruleset, self._annotated)
        memo = Memo(settings.worker.memo_entries)
        return Parts(
            limits=make_limits(settings),
            sites=ScopedSites(ruleset, key_words, detector.question, memo),
            detector=detector,
            redactor=Redactor(_tokens(settings, self._ring, ruleset), fingerprint, self._naming),
            view=self._view,
            seal=self._seal,
            ruleset=fingerprint,
            name=name,
            plan=self._plan,
            enricher=self._enricher,
            before=self._transformers["before"],
            after=self._transformers["after"],
            unframe=self.formats.to_json,
            suppression=self._suppression(ruleset),
        )

    def _suppression(self, ruleset: Ruleset) -> Suppression | None:
        if self._listed is None:
            return None
        subjects = Subjects(every_key(self._ring), self._naming)
        return Suppression(self._listed, subjects, ruleset.suppressed)

    def _transformer(self, phase: Phase, *, show_log: bool) -> Transformer | None:
        if self._code is None or not self._code.of(phase):
            return None
        asked = self._settings.transform
        limits = TransformLimits(asked.batch_seconds, asked.memory_bytes)
        return Transformer(self._code, phase, limits, show_log=show_log)

    def _detector(self, ruleset: Ruleset) -> Detector:
        recognition = _recognition(self._settings, ruleset)
        detector = self._detectors.get(recognition)
        if detector is None:
            detector = _ready_detector(self._settings, ruleset)
            self._detectors[recognition] = detector
        return detector


def ready_detectors(settings: Settings, ruleset: Ruleset) -> Detectors:
    """Return the detector that pipelines of ``ruleset`` need, for processes to fork with.

    None where it could not be forked: what other engines than spaCy compute with has threads, and
    so has what reads names in processes of their own.
    """
    detect = settings.detect
    if detect.engine != "spacy" or detect.processes:
        return NO_DETECTORS
    return {_recognition(settings, ruleset): _ready_detector(settings, ruleset)}


def _ready_detector(settings: Settings, ruleset: Ruleset) -> Detector:
    detector = make_detector(settings, ruleset)
    detector.detect(FIRST_TEXTS)
    return detector


def row_fingerprint(settings: Settings, ruleset: Ruleset) -> str:
    """Return what stands on the rows that ``ruleset`` makes with these settings; loads no model.

    Raises:
        ConfigError: As :class:`Assembly`.
    """
    of_detector = detectors_fingerprint(settings, ruleset)
    enrichments = load_identity_config(settings).enrichments
    enricher = Enricher(enrichments) if enrichments else None
    beside = (
        load_plan(settings),
        enricher,
        load_transformations(settings),
        load_formats(settings),
    )
    return _row_fingerprint(ruleset, of_detector, *beside)


def detectors_fingerprint(settings: Settings, ruleset: Ruleset) -> str:
    """Return the fingerprint of what searches for what ``ruleset`` names; loads no model."""
    # Imported here, so that commands that detect nothing do not wait 2 s for Presidio.
    from streamproc.detect.recognizers import build_recognizers, fingerprint  # noqa: PLC0415

    recognition = _recognition(settings, ruleset)
    return fingerprint(recognition, build_recognizers(recognition))


def _recognition(settings: Settings, ruleset: Ruleset) -> Recognition:
    detect = settings.detect
    return Recognition(
        ruleset.entities,
        ruleset.lowest_score,
        tuple(ruleset.scores.items()),
        own=ruleset.recognizers,
        names=NameModel(detect.engine, detect.spacy_model, detect.names_model),
    )


def _tokens(settings: Settings, ring: KeyRing, ruleset: Ruleset) -> Tokens:
    used = [*ruleset.operators.values(), *(rule.operator for rule in ruleset.rules)]
    if not any(isinstance(operator, Encrypt) and operator.per_subject for operator in used):
        return Tokens(ring)
    return Tokens(ring, load_subject_keys(settings, ring))


def _row_fingerprint(
    ruleset: Ruleset, detector: str, *beside: TrackingPlan | Enricher | Code | Formats | None
) -> str:
    # Rules alone do not say what a row went through: other recognizers find other things.
    others = [each.fingerprint for each in beside if each is not None and each.fingerprint]
    parts = [ruleset.fingerprint, detector, *others]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def refuse_unallowed(code: Code, ruleset: Ruleset) -> None:
    """Refuse transformations of raw events that the rules do not name.

    Raises:
        ConfigError: There are some.
    """
    problems = [
        Problem(
            str(each.file),
            "",
            f"sees raw events, which the rules do not allow: raw_transformations of {ruleset.name} "
            "does not name it",
        )
        for each in code.of("before")
        if each.name not in ruleset.raw_transformations
    ]
    if problems:
        raise ConfigError(*problems)


def _secret(file: Path) -> bytearray:
    try:
        with file.open("rb", buffering=0) as opened:
            found = os.fstat(opened.fileno())
            if found.st_mode & OTHERS_MAY_READ:
                raise ConfigError(Problem(str(file), "", "others may read it; run chmod 600 on it"))
            written = bytearray(found.st_size)
            opened.readinto(written)
            return written
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
