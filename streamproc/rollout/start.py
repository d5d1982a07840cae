"""Where a process's rules come from, by its settings."""

from __future__ import annotations

import os
import socket
from importlib.metadata import version

from streamproc.assemble import load_rules
from streamproc.errors import ConfigError, Problem
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.folder import FolderRules
from streamproc.rollout.follow import Channel, TopicRules
from streamproc.rollout.in_force import RulesInForce
from streamproc.rollout.log import RulesLog
from streamproc.rollout.pipelines import Pipelines
from streamproc.rollout.shadow import PartsOf, Shadowing
from streamproc.rollout.signers import trust_of
from streamproc.rules import Ruleset
from streamproc.settings import Settings
from streamproc.shipped import shipped

__all__ = ["current_ruleset", "start_rules"]


def start_rules(settings: Settings, pipelines: Pipelines, parts_of: PartsOf) -> RulesInForce:
    """Return a worker's rules, those in force ready to use; takes seconds, for the models.

    Args:
        settings: Where they come from.
        pipelines: Makes rulesets ready.
        parts_of: Makes what is needed to try one beside another, in a thread that has nothing in
            common with the one that runs the pipelines.

    Raises:
        ConfigError: They cannot be used.
        RetryableError: The topic of rules cannot be read.
    """
    if settings.rules.follow == "topic":
        channel = _channel(settings)
        shadowing = Shadowing(channel.worker, channel.raw, parts_of)
        followed = TopicRules(channel, pipelines, shadowing)
        followed.start()
        return followed
    place = settings.rules.directory or shipped("rules")
    watched = FolderRules(place, settings.topics.raw, pipelines)
    watched.start()
    return watched


def current_ruleset(settings: Settings) -> Ruleset:
    """Return the ruleset that decides what comes next: that which took over last, or the folder's.

    Raises:
        ConfigError: With every problem of it; or none was published.
        RetryableError: The topic of rules cannot be read.
    """
    if settings.rules.follow == "folder":
        return load_rules(settings)
    with RulesLog(settings) as log:
        log.catch_up()
    if log.ledger.latest is None:
        told = "no ruleset was published; run `streamproc rules publish`"
        raise ConfigError(Problem(settings.topics.rules, "", told))
    return open_bundle(log.ledger.rulesets[log.ledger.latest].files)


def _channel(settings: Settings) -> Channel:
    return Channel(
        # A name that outlives a restart, where there is one; else of this process.
        worker=settings.worker.instance_id or f"{socket.gethostname()}/{os.getpid()}",
        version=version("streamproc"),
        kafka=settings.kafka,
        raw=settings.topics.raw,
        rules=settings.topics.rules,
        status=settings.topics.status,
        patience_seconds=settings.kafka.delivery_timeout_seconds,
        trust=trust_of(settings),
    )
