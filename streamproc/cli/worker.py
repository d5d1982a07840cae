"""``streamproc worker``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from streamproc.cli import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from streamproc.assemble import Detectors
    from streamproc.events import Token
    from streamproc.kafka.codecs import Codec
    from streamproc.kafka.identity.reader import IdentityReader
    from streamproc.redact import KeyRing
    from streamproc.settings import Settings
    from streamproc.sight import WorkerSight

__all__ = ["worker"]


class ProcessCount(click.ParamType):
    """A number of processes, or ``auto``."""

    name = "N|auto"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Return what was asked for."""
        if value == "auto":
            return value
        number: int = click.IntRange(1).convert(value, param, ctx)
        return number


@click.command()
@click.option(
    "--processes",
    type=ProcessCount(),
    help="Processes, each a group member; auto: one a core [default: worker.processes, 1].",
)
@click.pass_context
def worker(ctx: click.Context, processes: int | str | None) -> None:
    """Run a worker: raw topic to loader topic.

    Runs until SIGTERM or SIGINT; a batch that is being worked on is finished first. Run as many as
    the raw topic has partitions, on as many machines as you like; with --processes, one a machine.
    Needs a key ring (`streamproc keys generate`) and the topics (`streamproc topics apply`).
    """
    from streamproc import telemetry
    from streamproc.assemble import NO_DETECTORS
    from streamproc.cli.worker_processes import in_processes
    from streamproc.processes import usable_cores

    settings = settings_of(ctx).settings
    telemetry.configure(settings.log)
    _check(settings)
    wanted = processes or settings.worker.processes
    count = usable_cores() if wanted == "auto" else int(wanted)
    if count > 1:
        settings, detectors = in_processes(settings, count)
    else:
        detectors = NO_DETECTORS
    sys.exit(_work(settings, detectors))


def _check(settings: Settings) -> None:
    """Tell what is wrong with files before brokers are waited for and processes are started."""
    from streamproc.assemble import (
        load_formats,
        load_identity_config,
        load_key_ring,
        load_plan,
        load_rules,
        load_transformations,
    )

    load_key_ring(settings)
    load_identity_config(settings)
    load_plan(settings)
    load_transformations(settings)
    load_formats(settings)
    if settings.rules.follow == "folder":
        load_rules(settings)


def _work(settings: Settings, detectors: Detectors) -> int:
    """Run one process of a worker; return its exit code."""
    from streamproc.assemble import load_identity_config, load_key_ring, nobody_of
    from streamproc.kafka.identity.start import following_identity
    from streamproc.kafka.registry import wait_for_row_codec
    from streamproc.kafka.topics import wait_for_topics
    from streamproc.sight import seeing_worker, trouble_of

    ring = load_key_ring(settings)
    config = load_identity_config(settings)
    nobody, erased = nobody_of(config, ring), _forgetting(settings, ring)
    with seeing_worker(settings) as sight:
        sight.key(ring.active)
        wait_for_topics(settings)
        rows = wait_for_row_codec(settings.registry, settings.topics.load)
        sight.health.there("topics")
        with following_identity(settings, config, nobody, erased) as identity:
            sight.health.there("identity", trouble_of(identity.check_current))
            return _run(_Process(settings, ring, detectors, sight), identity, rows)


def _forgetting(settings: Settings, ring: KeyRing) -> Callable[[Collection[Token]], object] | None:
    """Return what deletes the keys of people who are erased; None where there is no store."""
    from streamproc.assemble import load_subject_keys

    if settings.keys.subjects is None:
        return None
    return load_subject_keys(settings, ring).forget_if_there


class _Process(NamedTuple):
    """One process of a worker."""

    settings: Settings
    ring: KeyRing
    detectors: Detectors
    sight: WorkerSight


def _run(process: _Process, identity: IdentityReader, rows: Codec) -> int:
    from streamproc.assemble import Assembly
    from streamproc.flow import Flow, Output
    from streamproc.kafka.raw_schemas import RawSchemas
    from streamproc.key_watch import KeyWatch
    from streamproc.redact import Tokens
    from streamproc.rollout import Pipelines, start_rules
    from streamproc.worker import Eyes, build_app, run_app

    settings, ring, detectors, sight = process
    assembly = Assembly(settings, ring, identity.state, listed=identity.state)
    assembly.adopt(detectors)
    # Detectors are for one thread: rules are tried with others than those of the pipelines.
    rules = start_rules(settings, Pipelines(assembly.pipeline), assembly.apart().parts)
    schemas = RawSchemas(settings.registry, assembly.formats)
    sight.rules(rules.in_force)
    flow = Flow(rules, identity, settings, schemas, Output(rows))
    keys = KeyWatch(settings.worker.hot_key_share, Tokens(ring), sight.meter)
    return run_app(build_app(settings, flow, Eyes(sight, keys)), flow)
