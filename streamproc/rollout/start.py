"""Where a process's rules come from, by its settings."""

from __future__ import annotations

import os
import socket
from importlib.metadata import version

from streamproc.rollout.folder import FolderRules
from streamproc.rollout.follow import Channel, TopicRules
from streamproc.rollout.in_force import RulesInForce
from streamproc.rollout.pipelines import Pipelines
from streamproc.settings import Settings
from streamproc.shipped import shipped

__all__ = ["start_rules"]


def start_rules(settings: Settings, pipelines: Pipelines) -> RulesInForce:
    """Return a worker's rules, those in force ready to use; takes seconds, for the models.

    Raises:
        ConfigError: They cannot be used.
        RetryableError: The topic of rules cannot be read.
    """
    if settings.rules.follow == "topic":
        followed = TopicRules(_channel(settings), pipelines)
        followed.start()
        return followed
    place = settings.rules.directory or shipped("rules")
    watched = FolderRules(place, settings.topics.raw, pipelines)
    watched.start()
    return watched


def _channel(settings: Settings) -> Channel:
    return Channel(
        # A name that outlives a restart, where there is one; else of this process.
        worker=settings.worker.instance_id or f"{socket.gethostname()}/{os.getpid()}",
        version=version("streamproc"),
        brokers=settings.kafka.brokers,
        raw=settings.topics.raw,
        rules=settings.topics.rules,
        status=settings.topics.status,
        patience_seconds=settings.kafka.delivery_timeout_seconds,
    )
