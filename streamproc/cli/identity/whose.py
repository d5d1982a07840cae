"""How commands are told of whom they are to speak, and where they ask."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamproc.events import Token
    from streamproc.identity import View
    from streamproc.settings import Settings

__all__ = ["WHOSE", "known", "known_token", "moment", "tokens_of"]

WHOSE = "TOKEN|NAME=VALUE"
"""How somebody is named on the command line."""


def tokens_of(settings: Settings, written: str) -> tuple[Token, ...]:
    """Return the tokens of ``written``, under every key of the ring, the active one first.

    Args:
        settings: Name the key ring and the identity configuration.
        written: A token; or ``user=``, ``device=``, ``account=`` or a trait's name and ``=``, and
            the value in clear, or ``-`` for the first line of standard input.

    Raises:
        ConfigError: The key ring or the identity configuration cannot be used.
    """
    from streamproc.assemble import load_identity_config, load_key_ring
    from streamproc.events import Token
    from streamproc.redact import TOKEN, KeyRing, Tokens

    if TOKEN.fullmatch(written):
        return (Token(written),)
    name, equals, value = written.partition("=")
    config = load_identity_config(settings)
    entities = {trait.name: trait.entity or "" for trait in config.identifiers.traits}
    names = ("user", "device", "account", *entities)
    if not equals or name not in names:
        told = f"expected a token, or one of {', '.join(names)} with = and its value"
        raise click.BadParameter(told, param_hint=WHOSE)
    if value == "-":
        value = sys.stdin.readline().rstrip("\r\n")
    ring = load_key_ring(settings)
    others = tuple(version for version in ring.secrets if version != ring.active)
    tokens = Tokens(KeyRing(ring.active, ring.secrets, others))
    if name in {"user", "device"}:
        return (tokens.of_identifier(value), *tokens.previous_identifiers(value))
    named = (name, value, entities.get(name, ""))
    return (tokens.of_named(*named), *tokens.previous_of_named(*named))


def known_token(view: View, tokens: tuple[Token, ...]) -> Token:
    """Return the first of ``tokens`` of which something is known, else the first."""
    from streamproc.identity.nodes import NOTHING

    found = (token for token in tokens if view.graph.nodes.get(token) is not NOTHING)
    return next(found, tokens[0])


@contextmanager
def known(settings: Settings) -> Iterator[View]:
    """Have all links and attributes that are in their topics now at hand.

    Raises:
        ConfigError: Settings, the key ring or the identity configuration cannot be used.
        RetryableError: The brokers or the disk fail.
    """
    from streamproc.assemble import load_identity_config, load_key_ring, nobody_of
    from streamproc.kafka.identity.start import known_identities
    from streamproc.telemetry import configure

    configure(settings.log)
    config = load_identity_config(settings)
    nobody = nobody_of(config, load_key_ring(settings))
    with known_identities(settings, config, nobody) as view:
        yield view


def moment(at: int | None) -> str:
    """Return a time in microseconds as people read it."""
    from datetime import UTC, datetime, timedelta

    if at is None:
        return ""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat(
        sep=" ", timespec="seconds"
    )
