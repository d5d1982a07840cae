"""``streamproc worker``."""

from __future__ import annotations

import sys

import click

from streamproc.cli import settings_of

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
    from streamproc.assemble import Assembly, load_key_ring
    from streamproc.flow import Flow, Output
    from streamproc.identity import View
    from streamproc.kafka.links import LinkReader
    from streamproc.kafka.registry import wait_for_row_codec
    from streamproc.kafka.topics import wait_for_topics
    from streamproc.rollout import Pipelines, start_rules
    from streamproc.worker import build_app, run_app

    settings = settings_of(ctx).settings
    telemetry.configure(settings.log)
    view = View()
    assembly = Assembly(settings, load_key_ring(settings), view)
    pipelines = Pipelines(assembly.pipeline)
    if settings.rules.follow == "topic":
        wait_for_topics(settings)
    # Detectors are for one thread: rules are tried with others than those of the pipelines.
    apart = Assembly(settings, load_key_ring(settings), view)
    rules = start_rules(settings, pipelines, apart.parts)
    wait_for_topics(settings)
    rows = wait_for_row_codec(settings.registry, settings.topics.load)
    links = LinkReader(settings.kafka.brokers, settings.topics.links, view.add)
    links.start()
    flow = Flow(rules, links, settings, Output(rows))
    code = run_app(build_app(settings, flow), flow)
    links.stop(settings.worker.shutdown_seconds)
    sys.exit(code)
