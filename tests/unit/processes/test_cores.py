import os
from pathlib import Path

import pytest

from streamproc.processes.cores import usable_cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)))


def group(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / name / file.replace("__", ".")).write_text(text)


def cores(folder: Path, membership: str) -> int:
    told = folder / "membership"
    told.write_text(membership)
    return usable_cores(folder, told)


def test_affinity_counts_where_no_group_says_anything(tmp_path: Path) -> None:
    assert cores(tmp_path, "0::/\n") == 8
    assert usable_cores(tmp_path, tmp_path / "nothing") == 8


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1)],
)
def test_a_quota_of_version_2_counts_in_whole_cores(
    tmp_path: Path, quota: str, expected: int
) -> None:
    group(tmp_path, "pod/worker", cpu__max=quota)
    assert cores(tmp_path, "0::/pod/worker\n") == expected


def test_the_quota_of_a_group_around_it_counts_too(tmp_path: Path) -> None:
    group(tmp_path, "pod", cpu__max="300000 100000")
    group(tmp_path, "pod/worker", cpu__max="max 100000")
    assert cores(tmp_path, "0::/pod/worker\n") == 3


def test_in_a_container_whose_path_is_the_hosts_the_mount_counts(tmp_path: Path) -> None:
    group(tmp_path, ".", cpu__max="200000 100000")
    assert cores(tmp_path, "0::/kubepods/of/the/host\n") == 2


def test_a_quota_of_version_1_counts(tmp_path: Path) -> None:
    files = {"cpu__cfs_quota_us": "500000\n", "cpu__cfs_period_us": "100000\n"}
    group(tmp_path, "cpu,cpuacct/worker", **files)
    told = "5:memory:/worker\n4:cpu,cpuacct:/worker\n"
    assert cores(tmp_path, told) == 5


def test_no_quota_of_version_1_is_told_by_minus_one(tmp_path: Path) -> None:
    files = {"cpu__cfs_quota_us": "-1\n", "cpu__cfs_period_us": "100000\n"}
    group(tmp_path, "cpu/worker", **files)
    assert cores(tmp_path, "4:cpu:/worker\n") == 8
