"""How many cores this process may use, whatever the machine has.

A container sees all cores of its machine and gets the time of some: what its control group allows
counts, and so does a processor affinity.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["usable_cores"]

ROOT: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")


def usable_cores(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int:
    """Return how many cores this process may keep busy, at least 1.

    That is the cores of its affinity, and no more than the quota of its control group and of those
    around it (version 2 and 1: ``cpu.max``, ``cpu.cfs_quota_us``), a part of a core left out.

    Args:
        root: Where control groups are mounted.
        membership: Which of them this process is in.
    """
    allowed = float(len(os.sched_getaffinity(0)))
    for folder in _groups(root, membership):
        quota = _quota(folder)
        if quota is not None:
            allowed = min(allowed, quota)
    return max(1, int(allowed))


def _groups(root: Path, membership: Path) -> list[Path]:
    """Return the folders of the groups this process is in, and of those around them."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:  # number:controllers:path, "0::/path" in version 2 (cgroups(7))
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / controllers if controllers else root
        group = mount / path.lstrip("/")
        # In a container the path may be the host's, where only the mount is ours to see.
        found += [group, *(above for above in group.parents if above.is_relative_to(mount))]
        if controllers:
            found.append(root / "cpu")
    return found


def _quota(folder: Path) -> float | None:
    """Return how many cores' time the group may use; None where it is not bounded."""
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return None
    if quota in {"max", "-1"}:
        return None
    return int(quota) / int(period)
