"""The folder of a lake, and the few things that are done to files in it.

Names are relative to the folder, with ``/``. Each method is one operation of the file system (and
what makes it durable), so that between any two of them a process may die and the next one knows
what it finds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

__all__ = ["Disk"]


class Disk:
    """A lake's folder."""

    def __init__(self, root: Path) -> None:
        """Work below ``root``, which is there."""
        self.root = root

    def path(self, name: str) -> str:
        """Return the whole path of ``name``."""
        return str(self.root / name)

    def names(self, folder: str) -> list[str]:
        """Return what is in ``folder``, sorted; nothing if there is no such folder."""
        try:
            return sorted(entry.name for entry in Path(self.path(folder)).iterdir())
        except FileNotFoundError:
            return []

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None if there is no such file."""
        try:
            return Path(self.path(name)).read_bytes()
        except FileNotFoundError:
            return None

    def make_folder(self, name: str) -> None:
        """Make a folder, and those it is in, durably, where they are missing."""
        if name and not Path(self.path(name)).is_dir():
            above = name.rpartition("/")[0]
            self.make_folder(above)
            Path(self.path(name)).mkdir(exist_ok=True)
            self.sync(above)

    def write(self, name: str, data: bytes) -> None:
        """Write a new file that nobody else looks at, durably but for its name."""
        # New: what once had this name may be known by another one now.
        Path(self.path(name)).unlink(missing_ok=True)
        with Path(self.path(name)).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def link(self, source: str, target: str) -> bool:
        """Give a file a second name, whole and at once; False if another has it already."""
        try:
            Path(self.path(target)).hardlink_to(self.path(source))
        except FileExistsError:
            return False
        return True

    def replace(self, source: str, target: str) -> bool:
        """Rename a file, over another one if need be; False if it is gone: somebody has done it."""
        try:
            Path(self.path(source)).replace(self.path(target))
        except FileNotFoundError:
            if Path(self.path(source)).exists():
                raise
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        Path(self.path(name)).unlink(missing_ok=True)

    def remove_tree(self, folder: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path(folder))

    def sync(self, name: str) -> None:
        """Make what a file holds durable, or the names in a folder."""
        descriptor = os.open(self.path(name), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, name: str) -> int | None:
        """Lock a file, made if need be, until :meth:`unlock` or the end of the process.

        Returns:
            A descriptor; None if another holds the lock.
        """
        while True:
            descriptor = os.open(self.path(name), os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            with contextlib.suppress(FileNotFoundError):
                # Who held it before may have removed the file: then it locks nothing any more.
                if os.fstat(descriptor).st_ino == Path(self.path(name)).stat().st_ino:
                    return descriptor
            os.close(descriptor)

    def unlock(self, descriptor: int) -> None:
        """Let go of a lock."""
        os.close(descriptor)
