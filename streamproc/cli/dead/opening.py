"""Private keys for originals, and the audit log of who used them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamproc.deadletters.opening import Open
    from streamproc.settings import Settings

__all__ = ["note", "opened_by", "private_keys", "reason_of", "required_log"]

LONGEST_REASON = 500
OTHERS_MAY_READ = 0o077

private_keys = click.option(
    "--private-key",
    "key_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="File of the private key that originals are sealed to; may be given several times, for "
    "those sealed to an earlier one. Without it, records are read again where they lay.",
)


def opened_by(files: Sequence[Path]) -> Open | None:
    """Return what opens originals with the keys in ``files``; None where there are none.

    Raises:
        ConfigError: A file cannot be read, others may read it, or it is no private key.
    """
    from streamproc.deadletters.opening import opener

    return opener([_key_in(file) for file in files]) if files else None


def reason_of(written: str | None) -> str:
    """Return the reason that goes into the audit log, without space around it.

    Raises:
        click.BadParameter: It is empty, or longer than an entry may be.
    """
    reason = (written or "").strip()
    if written is not None and not 0 < len(reason) <= LONGEST_REASON:
        raise click.BadParameter(
            f"expected 1 to {LONGEST_REASON} characters", param_hint="--reason"
        )
    return reason


def required_log(settings: Settings) -> Path:
    """Return the audit log.

    Raises:
        ConfigError: None is configured.
    """
    from streamproc.cli.audit import audit_log

    return audit_log(settings.audit.file)


def note(log: Path, action: str, details: dict[str, str]) -> None:
    """Write into the audit log what is about to be done, or was; it is on disk then.

    Raises:
        ConfigError: It cannot be written.
    """
    from datetime import UTC, datetime

    from streamproc.audit import append, entry

    said = {name: value for name, value in details.items() if value}
    append(log, [entry(action, datetime.now(UTC), **said)])


def _key_in(file: Path) -> str:
    from streamproc.deadletters.seal import unsealer
    from streamproc.errors import ConfigError, Problem

    try:
        if file.stat().st_mode & OTHERS_MAY_READ:
            told = "others may read it; run chmod 600 on it"
            raise ConfigError(Problem(str(file), "", told))
        key = file.read_text(encoding="ascii")
        unsealer(key)
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise ConfigError(Problem(str(file), "", "is not a private key")) from None
    return key
