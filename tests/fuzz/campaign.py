"""Every target in turn, for as long as is asked: ``python -m fuzz.campaign``.

Each target runs in a process of its own, since what it finds ends it: an exception, 10 seconds for
one input, or a gigabyte of memory. What was found stands in a file, which
``python -m fuzz.run NAME FILE`` tries again. Inputs that reach something new are kept in a folder
beside the repository's other working files, and the next campaign goes on from them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
from fuzz.targets import CORPUS, TARGETS

LONGEST_SECONDS: Final = 10
MOST_MEMORY_MB: Final = 1_024
KEPT_BYTES: Final = 15_000
"""Most bytes of a target's inputs that become part of the repository."""
STAT: Final = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run of one target came to.

    Attributes:
        target: Its name.
        inputs: How many were tried.
        seconds: For how long.
        memory_mb: The most memory that the process had.
        found: What ended it; None where time did.
    """

    target: str
    inputs: int
    seconds: int
    memory_mb: int
    found: str | None


def main() -> None:
    """Run a campaign; exit with 1 where anything was found."""
    options = _options()
    results: list[Result] = []
    started = time.monotonic()
    click.echo(f"{'target':<12} {'inputs':>12} {'per second':>11} {'memory MB':>10}")
    for seconds, name in _turns(options):
        result = _run(name, seconds, options.work)
        results.append(result)
        _tell(result)
        if options.log:
            with options.log.open("a") as log:
                log.write(json.dumps(asdict(result)) + "\n")
        if options.inputs and sum(each.inputs for each in results) >= options.inputs:
            break
    total = sum(each.inputs for each in results)
    found = [each for each in results if each.found]
    click.echo(
        f"{total:,} inputs in {time.monotonic() - started:.0f} s, {len(found)} defects found"
    )
    if options.keep:
        for name in options.targets:
            _keep(name, options.work)
    sys.exit(bool(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz.campaign", description=__doc__)
    parser.add_argument("targets", nargs="*", default=[*TARGETS], help="default: all")
    parser.add_argument("--seconds", type=int, default=10, help="for each target (default: 10)")
    parser.add_argument("--inputs", type=int, help="go round until so many were tried in all")
    parser.add_argument("--work", type=Path, default=Path(".fuzz"), help="default: .fuzz")
    parser.add_argument("--log", type=Path, help="a file that gets a line of JSON a run")
    parser.add_argument(
        "--keep", action="store_true", help="put the best of what was found into the repository"
    )
    options = parser.parse_args()
    if unknown := {*options.targets} - {*TARGETS}:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    return options


def _turns(options: argparse.Namespace) -> Iterator[tuple[int, str]]:
    while True:
        for name in options.targets:
            yield options.seconds, name
        if not options.inputs:
            return


def _run(name: str, seconds: int, work: Path) -> Result:
    own = _written(name, work)
    limits = (
        f"-max_total_time={seconds}",
        f"-timeout={LONGEST_SECONDS}",
        f"-rss_limit_mb={MOST_MEMORY_MB}",
    )
    said = (f"-artifact_prefix={own}/found-", "-print_final_stats=1", "-verbosity=0")
    words = [f"-dict={own}/words"] if TARGETS[name].words else []
    folders = [str(own / "corpus"), str(CORPUS / name)]
    command = [sys.executable, "-m", "fuzz.run", name, *limits, *said, *words, *folders]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    stats = {stat: int(number) for stat, number in STAT.findall(done.stderr)}
    found = None if done.returncode == 0 else f"{done.stdout[-3_000:]}{done.stderr[-3_000:]}"
    inputs = stats.get("number_of_executed_units", 0)
    return Result(name, inputs, seconds, stats.get("peak_rss_mb", 0), found)


def _written(name: str, work: Path) -> Path:
    """Return the folder of a target, with its seeds and words in it."""
    own = (work / name).resolve()
    (own / "corpus").mkdir(parents=True, exist_ok=True)
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    target = TARGETS[name]
    for number, seed in enumerate(target.seeds()):
        (own / f"corpus/seed-{number}").write_bytes(seed[: target.longest])
    quoted = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in target.words)
    (own / "words").write_text("".join(f'"{word}"\n' for word in quoted))
    return own


def _tell(result: Result) -> None:
    rate = result.inputs // max(result.seconds, 1)
    click.echo(f"{result.target:<12} {result.inputs:>12,} {rate:>11,} {result.memory_mb:>10,}")
    if result.found:
        click.echo(result.found)


def _keep(name: str, work: Path) -> None:
    """Keep the smallest inputs that together reach what all of them reach, up to a bound."""
    own, merged = (work / name).resolve(), (work / name / "merged").resolve()
    merged.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "fuzz.run", name, "-merge=1", "-verbosity=0"]
    folders = [str(merged), str(CORPUS / name), str(own / "corpus")]
    subprocess.run([*command, *folders], capture_output=True, check=True)
    for each in (CORPUS / name).iterdir():
        each.unlink()
    left = KEPT_BYTES
    for each in sorted(merged.iterdir(), key=lambda file: (file.stat().st_size, file.name)):
        left -= each.stat().st_size
        if left < 0:
            break
        (CORPUS / name / each.name).write_bytes(each.read_bytes())


if __name__ == "__main__":
    main()
