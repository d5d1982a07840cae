"""``streamproc worker``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from streamproc.events import Token
    from streamproc.kafka.codecs import Codec
    from streamproc.kafka.identity.reader import IdentityReader
    from streamproc.redact import KeyRing
    from streamproc.settings import Settings

__all__ = ["worker"]


@click.command()
@click.pass_context
def worker(ctx: click.Context) -> None:
    """Run a worker: raw topic to loader topic.

    Runs until SIGTERM or SIGINT; a batch that is being worked on is finished first. Run as many as
    the raw topic has partitions, on as many machines as you like. Needs a key ring (`streamproc
    keys generate`) and the topics (`streamproc topics apply`).
    """
    from streamproc import telemetry
    from streamproc.assemble import (
        load_formats,
        load_identity_config,
        load_key_ring,
        load_plan,
        load_rules,
        load_transformations,
        nobody_of,
    )
    from streamproc.kafka.identity.start import following_identity
    from streamproc.kafka.registry import wait_for_row_codec
    from streamproc.kafka.topics import wait_for_topics

    settings = settings_of(ctx).settings
    telemetry.configure(settings.log)
    ring = load_key_ring(settings)
    config = load_identity_config(settings)
    # What is wrong with files is told before brokers are waited for.
    load_plan(settings)
    load_transformations(settings)
    load_formats(settings)
    if settings.rules.follow == "folder":
        load_rules(settings)
    wait_for_topics(settings)
    rows = wait_for_row_codec(settings.registry, settings.topics.load)
    nobody, erased = nobody_of(config, ring), _forgetting(settings, ring)
    with following_identity(settings, config, nobody, erased) as identity:
        code = _run(settings, ring, identity, rows)
    sys.exit(code)


def _forgetting(settings: Settings, ring: KeyRing) -> Callable[[Collection[Token]], object] | None:
    """Return what deletes the keys of people who are erased; None where there is no store."""
    from streamproc.assemble import load_subject_keys

    if settings.keys.subjects is None:
        return None
    return load_subject_keys(settings, ring).forget_if_there


def _run(settings: Settings, ring: KeyRing, identity: IdentityReader, rows: Codec) -> int:
    from streamproc.assemble import Assembly
    from streamproc.flow import Flow, Output
    from streamproc.kafka.raw_schemas import RawSchemas
    from streamproc.rollout import Pipelines, start_rules
    from streamproc.worker import build_app, run_app

    assembly = Assembly(settings, ring, identity.state, listed=identity.state)
    # Detectors are for one thread: rules are tried with others than those of the pipelines.
    rules = start_rules(settings, Pipelines(assembly.pipeline), assembly.apart().parts)
    schemas = RawSchemas(settings.registry, assembly.formats)
    flow = Flow(rules, identity, settings, schemas, Output(rows))
    return run_app(build_app(settings, flow), flow)
