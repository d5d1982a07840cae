"""How commands are told of whom they are to speak, and where they ask."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from streamproc.events import Token
    from streamproc.identity import View
    from streamproc.settings import Settings

__all__ = ["WHOSE", "ask", "known_token", "moment", "tokens_of"]

AnswerT = TypeVar("AnswerT")

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

    known = (token for token in tokens if view.graph.nodes.get(token) is not NOTHING)
    return next(known, tokens[0])


def ask(settings: Settings, question: Callable[[View], AnswerT]) -> AnswerT:
    """Return what ``question`` answers by all links that are in their topic now.

    Raises:
        ConfigError: Settings, the key ring or the identity configuration cannot be used.
        RetryableError: The brokers or the disk fail.
    """
    from streamproc.assemble import load_identity_config, load_key_ring, nobody_of
    from streamproc.kafka.identity.start import following_identity
    from streamproc.telemetry import configure

    configure(settings.log)
    config = load_identity_config(settings)
    nobody = nobody_of(config, load_key_ring(settings))
    with following_identity(settings, config, nobody) as identity:
        return identity.state.ask(question)


def moment(at: int | None) -> str:
    """Return a time in microseconds as people read it."""
    from datetime import UTC, datetime, timedelta

    if at is None:
        return ""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat(
        sep=" ", timespec="seconds"
    )
