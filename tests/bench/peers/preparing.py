"""Sets up the peers: each in ignored folders beside its source, from versions pinned there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["UnavailableError", "go_binary", "java_classes", "python_of"]

PATIENCE_SECONDS = 900
"""A first build brings some hundred packages."""
TOLD_LINES = 5


class UnavailableError(Exception):
    """A peer cannot be set up here; the text says why, in one line."""


def python_of(folder: Path) -> Path:
    """Return the interpreter of the environment that ``folder``'s requirements ask for."""
    environment = folder / ".venv"
    python = environment / "bin/python"
    requirements = folder / "requirements.txt"
    if _stale(environment / ".ready", [requirements]):
        _run([sys.executable, "-m", "venv", "--clear", str(environment)], folder)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "--requirement", str(requirements)], folder)
        (environment / ".ready").touch()
    return python


def go_binary(folder: Path) -> Path:
    """Return the program that ``folder``'s Go module builds."""
    binary = folder / "target" / folder.name
    if _stale(binary, [*folder.glob("*.go"), folder / "go.sum"]):
        _run([_tool("go"), "build", "-trimpath", "-buildvcs=false", "-o", str(binary), "."], folder)
    return binary


def java_classes(folder: Path) -> str:
    """Return the class path of what ``folder``'s Maven project builds, its dependencies first."""
    target = folder / "target"
    if _stale(target / ".ready", [folder / "pom.xml", *folder.rglob("*.java")]):
        _run([_tool("mvn"), "--quiet", "--batch-mode", "clean", "package"], folder)
        (target / ".ready").touch()
    return f"{target / 'dependency'}/*:{target / 'classes'}"


def _stale(made: Path, sources: list[Path]) -> bool:
    if not made.exists():
        return True
    return any(source.stat().st_mtime > made.stat().st_mtime for source in sources)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise UnavailableError(f"{name} is not installed")
    return found


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{Path(command[0]).name} took over {PATIENCE_SECONDS} s") from None
    if done.returncode:
        last = " / ".join(done.stdout.strip().splitlines()[-TOLD_LINES:])
        raise UnavailableError(f"{Path(command[0]).name} failed: {last}")
