"""``streamproc worker``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

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

__all__ = ["worker"]

LEAVE_SECONDS = 10.0
"""What a process may take to end beside its drains: to write down its state, and to tear down."""


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
    from streamproc.processes import usable_cores

    settings = settings_of(ctx).settings
    telemetry.configure(settings.log)
    _check(settings)
    wanted = processes or settings.worker.processes
    count = usable_cores() if wanted == "auto" else int(wanted)
    if count > 1:
        settings, detectors = _in_processes(settings, count)
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


def _in_processes(settings: Settings, count: int) -> tuple[Settings, Detectors]:
    """Return, in each of ``count`` processes, its settings and what it shares with the others."""
    from streamproc import telemetry
    from streamproc.processes import Supervision, supervised
    from streamproc.worker import settle_interpreter

    # Threads of NumPy's would not be forked, and processes share the cores.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    detectors = _shared(settings)
    settle_interpreter()  # what nobody goes over stays shared
    # Twice the bound of a drain: that of batches, and that of leaving the group.
    stop_seconds = 2 * settings.worker.shutdown_seconds + LEAVE_SECONDS
    name = supervised([str(number) for number in range(count)], Supervision(stop_seconds))
    telemetry.name_process(name)
    return _settings_of_process(settings, name), detectors


def _shared(settings: Settings) -> Detectors:
    """Return the detectors of the rules in force; none where those cannot be had now."""
    import structlog

    from streamproc.assemble import NO_DETECTORS, ready_detectors
    from streamproc.errors import StreamprocError
    from streamproc.rollout import current_ruleset

    try:
        return ready_detectors(settings, current_ruleset(settings))
    except StreamprocError as error:
        # Each process waits for them by itself, and makes its own.
        structlog.get_logger().warning("models are not shared by the processes", cause=str(error))
        return NO_DETECTORS


def _settings_of_process(settings: Settings, name: str) -> Settings:
    instance = settings.worker.instance_id
    if instance is None:
        return settings
    named = settings.worker.model_copy(update={"instance_id": f"{instance}-{name}"})
    return settings.model_copy(update={"worker": named})


def _work(settings: Settings, detectors: Detectors) -> int:
    """Run one process of a worker; return its exit code."""
    from streamproc.assemble import load_identity_config, load_key_ring, nobody_of
    from streamproc.kafka.identity.start import following_identity
    from streamproc.kafka.registry import wait_for_row_codec
    from streamproc.kafka.topics import wait_for_topics

    ring = load_key_ring(settings)
    config = load_identity_config(settings)
    wait_for_topics(settings)
    rows = wait_for_row_codec(settings.registry, settings.topics.load)
    nobody, erased = nobody_of(config, ring), _forgetting(settings, ring)
    with following_identity(settings, config, nobody, erased) as identity:
        return _run(settings, ring, identity, rows, detectors)


def _forgetting(settings: Settings, ring: KeyRing) -> Callable[[Collection[Token]], object] | None:
    """Return what deletes the keys of people who are erased; None where there is no store."""
    from streamproc.assemble import load_subject_keys

    if settings.keys.subjects is None:
        return None
    return load_subject_keys(settings, ring).forget_if_there


def _run(
    settings: Settings,
    ring: KeyRing,
    identity: IdentityReader,
    rows: Codec,
    detectors: Detectors,
) -> int:
    from streamproc.assemble import Assembly
    from streamproc.flow import Flow, Output
    from streamproc.kafka.raw_schemas import RawSchemas
    from streamproc.rollout import Pipelines, start_rules
    from streamproc.worker import build_app, run_app

    assembly = Assembly(settings, ring, identity.state, listed=identity.state)
    assembly.adopt(detectors)
    # Detectors are for one thread: rules are tried with others than those of the pipelines.
    rules = start_rules(settings, Pipelines(assembly.pipeline), assembly.apart().parts)
    schemas = RawSchemas(settings.registry, assembly.formats)
    flow = Flow(rules, identity, settings, schemas, Output(rows))
    return run_app(build_app(settings, flow), flow)
