"""The steps of a Dockerfile, run one after the other in folders: for where no container engine is.

Each stage is a root file system of its own, an overlay over the base's; ``RUN`` is a chroot with
namespaces of its own for mounts and processes. What this does not try is the base image itself:
Debian with Python 3.11, by debootstrap, stands in for it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Stage", "build", "instructions", "missing"]

TOOLS: Final = ("debootstrap", "unshare", "chroot", "mount")
PACKAGES: Final = "ca-certificates,python3,python3-pip,python3-venv"
HANDED_ON: Final = (
    "PIP_INDEX_URL",
    "PIP_CERT",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
)
"""Variables of whoever runs this that say how packages are got."""
OF_THE_MACHINE: Final = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
STEP_SECONDS: Final = 600


def missing() -> str | None:
    """Return why images cannot be built here, in one line; None where they can."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"{', '.join(absent)} not installed"
    return None if os.geteuid() == 0 else "not root"


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction and what follows it, its lines joined, without comments."""
    lines = [line for line in dockerfile.splitlines() if not re.match(r"\s*(#|$)", line)]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        yield name.upper(), rest.strip()


@dataclass
class Stage:
    """A root file system, and what its instructions have said so far."""

    root: Path
    folder: str = "/"
    variables: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    entrypoint: Sequence[str] = ()
    volumes: Sequence[str] = ()

    def run(
        self,
        command: Sequence[str],
        variables: Mapping[str, str] | None = None,
        *,
        read_only: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as an engine does: in the root, as the user, with its variables."""
        return subprocess.run(
            self.command(command, read_only=read_only),
            env=self.environment(variables or {}),
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a process in it, and no others."""
        path = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
        return {"PATH": path, "HOME": "/nonexistent"} | self.variables | dict(more)

    def command(self, command: Sequence[str], *, read_only: bool = False) -> list[str]:
        """Return what runs ``command`` in it; ``read_only`` but for its volumes and ``/tmp``.

        Names are resolved, and certificates trusted, as this machine does.
        """
        root = shlex.quote(str(self.root))
        inside = [f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev"]
        inside += [f"mount --bind {each} {root}{each}" for each in OF_THE_MACHINE]
        if read_only:
            inside = [
                f"mount --bind {root} {root}",
                *inside,
                *(f"mount --bind {root}{each} {root}{each}" for each in self.volumes),
                f"mount -t tmpfs -o size=64m,mode=1777 tmpfs {root}/tmp",
                f"mount -o remount,bind,ro {root}",
            ]
        entered = (
            f"exec setpriv --reuid {self.user.split(':')[0]} --regid {self.user.split(':')[1]}"
            f" --clear-groups --no-new-privs --bounding-set -all --inh-caps -all"
            if self.user != "0:0"
            else "exec"
        )
        within = f'cd {shlex.quote(self.folder)} && {entered} "$@"'
        script = [*inside, f'exec chroot {root} /bin/sh -c {shlex.quote(within)} sh "$@"']
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
            *("/bin/sh", "-ec", "\n".join(script), "sh", *command),
        ]


@contextmanager
def build(dockerfile: Path, context: Path, folder: Path, cache: Path) -> Iterator[Stage]:
    """Build ``dockerfile`` with ``context`` below ``folder``; the base is kept in ``cache``."""
    base = _base(cache)
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    with ExitStack() as mounts:
        for number, (name, rest) in enumerate(instructions(dockerfile.read_text(encoding="utf-8"))):
            if name == "FROM":
                stage = Stage(_overlay(mounts, base, folder / str(number)))
                words = rest.split()
                stages[words[-1] if "AS" in words else ""] = stage
            elif stage is None:
                _argument(rest, arguments)
            else:
                _step(stage, name, rest, context, stages)
        assert stage is not None
        yield stage


def _base(cache: Path) -> Path:
    root = cache / "base"
    if not root.exists():
        draft = cache / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm"]
        subprocess.run([*command, str(draft)], check=True, capture_output=True)
        # Where the official image has it.
        (draft / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        draft.rename(root)
    return root


def _overlay(mounts: ExitStack, base: Path, folder: Path) -> Path:
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    for each in (upper, work, root):
        each.mkdir(parents=True)
    options = f"lowerdir={base},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
    mounts.callback(subprocess.run, ["umount", "--lazy", str(root)], check=True)
    return root


def _argument(rest: str, arguments: dict[str, str]) -> None:
    name, _, default = rest.partition("=")
    arguments[name] = default


def _step(stage: Stage, name: str, rest: str, context: Path, stages: Mapping[str, Stage]) -> None:
    if name == "ARG":
        _argument(rest, stage.arguments)
    elif name == "ENV":
        for each in shlex.split(rest):
            key, _, value = each.partition("=")
            path = stage.environment({})["PATH"]
            stage.variables[key] = value.replace("$PATH", path)
    elif name == "WORKDIR":
        stage.folder = rest
        _inside(stage, rest).mkdir(parents=True, exist_ok=True)
    elif name == "COPY":
        _copy(stage, shlex.split(rest), context, stages)
    elif name == "RUN":
        _run(stage, rest)
    elif name == "USER":
        stage.user = rest
    elif name in {"VOLUME", "ENTRYPOINT"}:
        setattr(stage, "volumes" if name == "VOLUME" else "entrypoint", json.loads(rest))
    else:
        assert name in {"LABEL", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD"}, name


def _inside(stage: Stage, path: str) -> Path:
    return stage.root / str(Path("/", stage.folder, path)).lstrip("/")


def _copy(stage: Stage, words: list[str], context: Path, stages: Mapping[str, Stage]) -> None:
    source = context
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    for each in sources:
        found = source / each.lstrip("/")
        place = _inside(stage, target)
        if found.is_dir():
            pyc = shutil.ignore_patterns("__pycache__") if source == context else None
            shutil.copytree(found, place, symlinks=True, ignore=pyc, dirs_exist_ok=True)
        else:
            into = place / found.name if target.endswith("/") else place
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, into)


def _run(stage: Stage, command: str) -> None:
    handed = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    done = stage.run(["/bin/sh", "-c", command], handed)
    assert done.returncode == 0, f"RUN {command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
