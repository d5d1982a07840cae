"""What each role may do in the cluster, and no more: the ACLs of a broker that asks who is there.

A role is a process or a person: who publishes raw events, the worker, the loader, and people with
commands. :func:`grants` is pure; :func:`allow` asks the brokers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from streamproc.kafka.clients import LONE_GROUP
from streamproc.kafka.dead_letter_replays import transactional_id
from streamproc.kafka.topics import TopicAdmin, wanted
from streamproc.settings import Settings, deletions_group

__all__ = ["ROLES", "Grant", "Role", "allow", "grants"]

Role: TypeAlias = Literal[
    "producer", "worker", "loader", "rules", "identity", "letters", "canary", "topics"
]
Kind: TypeAlias = Literal["topic", "group", "transactional_id", "cluster"]

ROLES: Final[dict[Role, str]] = {
    "producer": "Publishes raw events.",
    "worker": "`worker`",
    "loader": "`load`, `load status`, `load delete`",
    "rules": "`rules publish`, `shadow`, `status`, `reprocess` and their like; `reprocess`",
    "identity": "`identity import`, `sync`, `merge`, `export` and their like; `erase`",
    "letters": "`dead`",
    "canary": "`canary`",
    "topics": "`topics apply`",
}
"""Who there is, and what for."""

CLUSTER: Final = "kafka-cluster"
"""The name that the cluster has as a resource."""
KINDS: Final = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,  # confluent-kafka's name for it
}
ALLOW_SECONDS: Final = 30.0


class Grant(NamedTuple):
    """What a role may do with one resource; to read or to write includes to describe.

    Attributes:
        role: Whose.
        kind: What the resource is.
        name: Its name.
        operations: Kafka's words for what may be done.
    """

    role: Role
    kind: Kind
    name: str
    operations: tuple[str, ...]


def grants(settings: Settings) -> tuple[Grant, ...]:
    """Return what every role needs, by role and resource."""
    needs = _needs(settings)
    found: dict[tuple[Role, Kind, str], list[str]] = {}
    for role in ROLES:
        for kind, name, operations in needs[role]:
            found.setdefault((role, kind, name), []).extend(operations)
    return tuple(Grant(*of, tuple(operations)) for of, operations in found.items())


def allow(admin: TopicAdmin, asked: Iterable[Grant], principals: Mapping[str, str]) -> int:
    """Have the brokers allow what is ``asked`` for, from any host; return how many ACLs that is.

    What they allow already stays: to ask again changes nothing.

    Args:
        admin: Asks the brokers.
        asked: What is to be allowed.
        principals: Who has each role, such as ``User:loader``.

    Raises:
        RetryableError: They cannot be reached, or refuse.
    """
    bindings = [
        _binding(each, operation, principals[each.role])
        for each in asked
        for operation in each.operations
    ]
    made = admin.create_acls(bindings, request_timeout=ALLOW_SECONDS)
    for future in made.values():
        admin.asked(future.result)
    return len(bindings)


def _binding(grant: Grant, operation: str, principal: str) -> AclBinding:
    return AclBinding(
        KINDS[grant.kind],
        grant.name,
        ResourcePatternType.LITERAL,
        principal,
        "*",
        AclOperation[operation],
        AclPermissionType.ALLOW,
    )


_Need: TypeAlias = tuple[Kind, str, tuple[str, ...]]
_LOOKS: Final[_Need] = ("group", LONE_GROUP, ("DESCRIBE",))


def _needs(settings: Settings) -> dict[Role, tuple[_Need, ...]]:
    names = settings.topics
    every = [topic.name for topic in wanted(settings)]
    people = (names.links, names.attributes, names.suppressed)
    return {
        "producer": (*_topics("WRITE", names.raw),),
        "worker": (
            *_topics("READ", names.raw, *people, names.rules),
            *_topics("WRITE", names.load, names.dead, names.links, names.rules, names.status),
            ("group", settings.worker.group, ("READ",)),
            _LOOKS,
        ),
        "loader": (
            *_topics("READ", names.load, names.deletions, names.links),
            *_topics("WRITE", names.dead, names.deletions),
            ("group", settings.loader.group, ("READ",)),
            ("group", deletions_group(settings), ("READ",)),
            _LOOKS,
        ),
        "rules": (
            *_topics("READ", names.raw, names.rules, names.status, *people),
            *_topics("WRITE", names.rules, names.load, names.dead),
            _LOOKS,
        ),
        "identity": (
            *_topics("READ", *people, names.status, names.load, names.dead, names.deletions),
            *_topics("READ", names.raw),
            *_topics("WRITE", *people, names.deletions),
            _LOOKS,
        ),
        "letters": (
            *_topics("READ", names.dead, names.raw, names.load),
            *_topics("WRITE", names.dead, names.raw, names.load),
            ("topic", names.dead, ("DELETE",)),  # of what is purged
            ("transactional_id", transactional_id(names.dead), ("WRITE",)),
            _LOOKS,
        ),
        "canary": (
            *_topics("READ", names.load, names.dead),
            *_topics("WRITE", names.raw, names.deletions),
            _LOOKS,
        ),
        "topics": (
            ("cluster", CLUSTER, ("CREATE",)),
            *(
                ("topic", name, ("ALTER", "ALTER_CONFIGS", "DESCRIBE", "DESCRIBE_CONFIGS"))
                for name in every
            ),
        ),
    }


def _topics(operation: str, *names: str) -> Iterator[_Need]:
    for name in names:
        yield "topic", name, (operation,)
