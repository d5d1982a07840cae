"""What a session tells somebody who works beside it, and waits for at its end."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

from streamproc.warehouse.sink import Place

__all__ = ["NOTHING_BESIDE", "Beside"]


class Beside(Protocol):
    """Somebody who works beside a session; what is told here is taken note of, and returns."""

    def has(self, places: Collection[Place]) -> None:
        """Say which partitions the session has now."""

    def loaded(self) -> None:
        """Say that a batch was loaded just now.

        Raises:
            StreamprocError: What is to be done beside it cannot be done.
        """

    def has_caught_up(self) -> bool:
        """Return whether all is done that there was to do when this was asked first.

        Raises:
            StreamprocError: It never will be.
        """


class NothingBeside:
    """Nobody."""

    def has(self, places: Collection[Place]) -> None:
        """Ignore ``places``."""

    def loaded(self) -> None:
        """Ignore it."""

    def has_caught_up(self) -> bool:
        """Return True."""
        return True


NOTHING_BESIDE: Final = NothingBeside()
