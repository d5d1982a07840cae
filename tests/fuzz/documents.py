"""What must hold of files that people write, whatever is in them: read, or refused as such."""

from __future__ import annotations

import atexit
import base64
import binascii
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from streamproc.deadletters.repair.load import parse_repairs
from streamproc.detect import key_words
from streamproc.errors import ConfigError
from streamproc.identity.config import parse_identity
from streamproc.redact import parse_key_ring
from streamproc.rollout.signatures import read_signing_key, read_trust
from streamproc.rules import Plan, load_recognizers, parse_ruleset
from streamproc.rules.load_recognizers import parse_recognizers
from streamproc.settings import load_settings
from streamproc.shipped import shipped
from streamproc.tracking import load_tracking_plan

__all__ = [
    "check_identity",
    "check_keys",
    "check_plan",
    "check_recognizers",
    "check_repairs",
    "check_rules",
    "check_settings",
]

RECOGNIZERS = load_recognizers(shipped("rules/recognizers"))
SECRET_LENGTH = 16
"""Shorter texts than this are words, which a message may hold by chance."""
PASSWORD = b'sasl_password = "zq9x'
"""How a password is planted in a file of settings."""


def refused_or(read: Callable[[], Any]) -> Any:
    """Return what was read; None where it was refused, with what is wrong and where."""
    try:
        return read()
    except ConfigError as error:
        assert error.problems
        assert all(problem.message and problem.source for problem in error.problems)
        return None


def check_rules(data: bytes) -> None:
    """Rules: a ruleset whose plan can be made, and which says the same when it is read again."""
    text = data.decode(errors="replace")
    ruleset = refused_or(lambda: parse_ruleset(text, "rules.yaml", RECOGNIZERS))
    if ruleset is None:
        return
    Plan(ruleset, key_words)
    assert parse_ruleset(text, "rules.yaml", RECOGNIZERS).fingerprint == ruleset.fingerprint


def check_recognizers(data: bytes) -> None:
    """Own recognizers, in Presidio's format."""
    text = data.decode(errors="replace")
    refused_or(lambda: parse_recognizers({Path("own.yaml"): text}))


def check_identity(data: bytes) -> None:
    """The identity configuration."""
    refused_or(lambda: parse_identity(data.decode(errors="replace"), "identity.yaml"))


def check_repairs(data: bytes) -> None:
    """Repairs of dead letters."""
    refused_or(lambda: parse_repairs(data.decode(errors="replace"), "repairs.yaml"))


def check_keys(data: bytes) -> None:
    """A key ring, a signing key, a list of signers: what is refused is not quoted."""
    text = data.decode(errors="replace")
    for read in (
        lambda: parse_key_ring(text, "ring"),
        lambda: read_signing_key(data, "key"),
        lambda: read_trust(text, "signers", "rules", 0),
    ):
        try:
            read()
        except ConfigError as error:
            said = str(error)
            assert not [each for each in secrets_in(text) if each in said]
            assert error.__context__ is None or error.__suppress_context__


def secrets_in(text: str) -> Iterator[str]:
    """Yield what may be a key in ``text``: texts of JSON that are base64, and long lines."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text.split()
    rest = [found]
    while rest:
        node = rest.pop()
        if isinstance(node, dict | list):
            rest += node.values() if isinstance(node, dict) else node
        elif isinstance(node, str) and len(node) >= SECRET_LENGTH and is_base64(node):
            yield node


def is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        return False


@cache
def folder() -> Path:
    """Return a folder for the files of this process's checks."""
    made = Path(tempfile.mkdtemp(prefix="streamproc-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    (made / "plan/track").mkdir(parents=True)
    return made


def check_settings(data: bytes) -> None:
    """Settings: read, or every problem told; a planted password is in neither."""
    file = folder() / "streamproc.toml"
    file.write_bytes(data)
    try:
        said = repr(load_settings(file, {}).settings)
    except ConfigError as error:
        said = str(error)
    elsewhere = data.replace(PASSWORD, b"")
    assert "zq9x" not in said or b"zq9x" in elsewhere, "the password is told"


def check_plan(data: bytes) -> None:
    """A plan, a zero byte, and a schema of JSON Schema: loaded, or every problem told."""
    plan, _, schema = data.partition(b"\0")
    (folder() / "plan/plan.yaml").write_bytes(plan)
    (folder() / "plan/track/tried.json").write_bytes(schema)
    refused_or(lambda: load_tracking_plan(folder() / "plan"))
