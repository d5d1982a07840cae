"""Files that hold a secret: made for their owner alone, and never written over."""

from __future__ import annotations

import os
from pathlib import Path

from streamproc.errors import ConfigError, Problem

__all__ = ["write_new"]

OWNER_ALONE = 0o600


def write_new(file: Path, content: str) -> None:
    """Write ``content``, ASCII, to ``file``, and have it on the disk when this returns.

    Raises:
        ConfigError: It is there already, or cannot be written.
    """
    try:
        place = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
    except FileExistsError:
        raise ConfigError(Problem(str(file), "", "is there already; not written over")) from None
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be written: {error.strerror}")) from None
    with os.fdopen(place, "w", encoding="ascii") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(place)
