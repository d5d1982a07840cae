"""Runs the README's console blocks and holds what they print against what is shown.

A block to run stands under ``<!-- run -->`` or ``<!-- run on kafka -->``. A line that begins with
``$`` is a command, with the lines up to ``END`` where it has a here-document; what follows is its
output, ``…`` standing for anything; ``[exit code N]`` says that it ends with another code than 0.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["Example", "blocks", "run"]

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"<!-- (run(?: on kafka)?) -->\n```console\n(.*?)```", re.DOTALL)
EXIT_CODE = re.compile(r"\[exit code (\d+)\]")


class Example(NamedTuple):
    """A command, what it prints, and its exit code."""

    command: str
    output: str
    code: int


def blocks(kind: str, file: Path = README) -> list[list[Example]]:
    """Return the blocks of ``kind`` (``run`` or ``run on kafka``) in a README."""
    text = file.read_text(encoding="utf-8")
    return [list(_examples(found[2])) for found in BLOCK.finditer(text) if found[1] == kind]


def _examples(block: str) -> Iterator[Example]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        end = lines.index("END") if "<<'END'" in lines[0] else 0
        output = lines[end + 1 :]
        code = 0
        if output and (found := EXIT_CODE.fullmatch(output[-1])):
            code = int(found[1])
            output.pop()
        yield Example("\n".join(lines[: end + 1]), "\n".join(output), code)


def run(examples: list[Example], folder: Path, environment: Mapping[str, str]) -> None:
    """Run ``examples`` one after the other in ``folder``; fail where one does not do as shown."""
    scripts = str(Path(sys.executable).parent)
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    for example in examples:
        done = subprocess.run(
            ["bash", "-c", example.command],
            cwd=folder,
            env={**os.environ, "PATH": path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == example.code, f"{example.command}\n{done.stdout}"
        pattern = re.escape(example.output).replace("…", ".*")
        printed = done.stdout.rstrip("\n")
        assert re.fullmatch(pattern, printed, re.DOTALL), f"{example.command}\n{printed}"
