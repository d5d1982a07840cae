"""Keys for one run, that nothing is left of: for commands that only show what would be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamproc.redact import KeyRing
    from streamproc.settings import Settings

__all__ = ["throwaway_keys"]


@contextmanager
def throwaway_keys(
    settings: Settings, ring: KeyRing | None = None
) -> Iterator[tuple[Settings, KeyRing]]:
    """Yield ``settings`` with a store of people's keys of this run, and ``ring`` or one of it.

    The configured store must never be opened with another ring: the keys that are made in it then
    would be keys nobody can open.
    """
    import secrets
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from streamproc.redact import KeyRing
    from streamproc.redact.keys import KEY_BYTES

    with TemporaryDirectory(prefix="streamproc-") as folder:
        keys = settings.keys.model_copy(update={"subjects": Path(folder) / "subjects.db"})
        ring = ring or KeyRing("k1", {"k1": secrets.token_bytes(KEY_BYTES)})
        yield settings.model_copy(update={"keys": keys}), ring
