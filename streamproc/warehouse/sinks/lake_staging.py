"""Where a process keeps the files it brings to a lake, until they are committed.

A folder each, with a lock that the system lets go of however the process ends: a folder whose lock
is free is nobody's any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from streamproc.warehouse.sinks.lake import FOLDER
from streamproc.warehouse.sinks.lake_disk import Disk

__all__ = ["Staging"]

FOLDERS: Final = f"{FOLDER}/staging"
LOCKS: Final = f"{FOLDER}/locks"


class Staging:
    """The staging folder of this process."""

    def __init__(self, disk: Disk) -> None:
        """Make the folder, locked before anybody can see it."""
        self._disk = disk
        disk.make_folder(FOLDERS)
        disk.make_folder(LOCKS)
        name = secrets.token_hex(8)
        while (lock := disk.lock(f"{LOCKS}/{name}")) is None:
            name = secrets.token_hex(8)
        self._lock = lock
        self._name = name
        self._folders = 0
        self.folder = f"{FOLDERS}/{name}"
        disk.make_folder(self.folder)

    def new_folder(self) -> str:
        """Return a new folder, and remove the one before: nothing of it is needed any more.

        No name is used twice. Who comes after this process finishes its last commit whether that
        is finished or not, and would take new files for those of the commit.
        """
        self._disk.remove_tree(f"{self.folder}/{self._folders}")
        self._folders += 1
        self._disk.make_folder(f"{self.folder}/{self._folders}")
        return f"{self.folder}/{self._folders}"

    def sweep(self, finish: Callable[[], object]) -> int:
        """Remove the folders of processes that are gone, and return how many there were.

        ``finish`` brings home what the last of them has committed; it is called when nobody can
        commit from a folder any more, and before it is removed.
        """
        swept = 0
        for name in self._disk.names(LOCKS):
            if name == self._name or (lock := self._disk.lock(f"{LOCKS}/{name}")) is None:
                continue
            finish()
            self._disk.remove_tree(f"{FOLDERS}/{name}")
            self._disk.remove(f"{LOCKS}/{name}")
            self._disk.unlock(lock)
            swept += 1
        return swept

    def close(self) -> None:
        """Remove the folder; nothing that is committed may be left in it."""
        self._disk.remove_tree(self.folder)
        self._disk.remove(f"{LOCKS}/{self._name}")
        self.abandon()

    def abandon(self) -> None:
        """Leave the folder to whoever sweeps next."""
        self._disk.unlock(self._lock)
