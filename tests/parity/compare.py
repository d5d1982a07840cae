"""Compares our findings with Presidio's on millions of made texts: ``make parity``.

    PYTHONPATH=tests python -m parity.compare [--pairs N] [--seed S [--index I]]

Every run takes a seed of its own. What differs is told by the text's index: with the seed and
``--index`` that text is made again, shown and compared. Its status is 1 where something differs.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import click
from parity.comparison import Comparison, Sourced, total
from parity.generator import Generator
from parity.recognitions import EVERYTHING, generator, strict
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

PATTERNS = Path(".pytest_cache/d/patterns")
"""Where the tests keep compiled patterns."""
STEP_TEXTS = 256


@click.command(help=__doc__)
@click.option("--pairs", default=3_000_000, show_default=True, help="Pairs to compare at least.")
@click.option("--seed", type=int, help="Make the texts of this seed.")
@click.option("--index", type=int, help="Compare this text alone, and show it.")
def main(pairs: int, seed: int | None, index: int | None) -> None:
    """Compare, then print a table of recognizers and what differs."""
    seed = secrets.randbits(32) if seed is None else seed
    texts = generator(seed)
    comparisons = [Comparison(EVERYTHING, PATTERNS), Comparison(strict(texts), PATTERNS)]
    if index is None:
        _compare(comparisons, _steps(texts), pairs)
    else:
        sourced = _sourced(texts, index)
        click.echo(f"{sourced.text.value!r}, under a key of {sourced.text.context!r}")
        for comparison in comparisons:
            comparison.compare([sourced])
    _report(comparisons, f"Presidio's recognizers and ours, seed {seed}")
    sys.exit(any(comparison.differences for comparison in comparisons))


def _steps(texts: Generator) -> Iterator[list[Sourced]]:
    start = 0
    while True:
        yield [_sourced(texts, index) for index in range(start, start + STEP_TEXTS)]
        start += STEP_TEXTS


def _sourced(texts: Generator, index: int) -> Sourced:
    return Sourced(f"index {index}", texts.text(index))


def _compare(comparisons: Sequence[Comparison], steps: Iterator[list[Sourced]], pairs: int) -> None:
    """Give each comparison texts that no other has, in turn, until there are ``pairs``."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress("{task.description}", *columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("pairs", total=pairs)
        for comparison, step in zip(cycle(comparisons), steps, strict=False):
            comparison.compare(step)
            done = sum(comparison.pairs for comparison in comparisons)
            different = sum(len(comparison.differences) for comparison in comparisons)
            progress.update(task, completed=done, description=f"pairs, {different} differences")
            if done >= pairs:
                return


def _report(comparisons: Sequence[Comparison], title: str) -> None:
    table = Table(title=title)
    table.add_column("recognizer")
    for heading in ("pairs", "texts with findings", "findings", "differences"):
        table.add_column(heading, justify="right")
    names = sorted({name for comparison in comparisons for name in comparison.tallies})
    rows = {name: total(comparison.tallies[name] for comparison in comparisons) for name in names}
    for name, tally in [*rows.items(), ("all", total(rows.values()))]:
        figures = (tally.pairs, tally.texts, tally.findings, tally.differences)
        table.add_row(name, *(f"{figure:,}" for figure in figures))
    Console().print(table)
    for comparison in comparisons:
        for difference in comparison.differences:
            click.echo(difference)


if __name__ == "__main__":
    main()
