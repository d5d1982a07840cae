"""``streamproc eval``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import rules_option, settings_of, with_rules
from streamproc.cli.throwaway import throwaway_keys

if TYPE_CHECKING:
    from rich.progress import Progress

    from streamproc.evaluate.datasets import Dataset
    from streamproc.evaluate.measure import Figures
    from streamproc.evaluate.systems import System
    from streamproc.redact import KeyRing
    from streamproc.settings import Settings

__all__ = ["evaluate"]


@click.command(name="eval")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    help="A folder: every *.jsonl file in it whose format is known.",
)
@click.option("--limit", type=click.IntRange(1), help="The first so many records of each file.")
@click.option(
    "--baseline/--no-baseline",
    default=True,
    show_default=True,
    help="Measure Presidio's default beside it: 5 to 20 ms a text.",
)
@rules_option
@click.option("--json", "as_json", is_flag=True, help="The figures as one JSON object.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    *,
    files: Sequence[Path],
    folder: Path | None,
    limit: int | None,
    baseline: bool,
    rules_directory: Path | None,
    as_json: bool,
) -> None:
    """Measure detection and redaction on labelled data.

    FILES are JSON lines with labels, in one of the formats of streamproc/evaluate/datasets.py.
    Texts are put into events, events are taken as they are; all go through the pipeline with the
    rules in force. Told are leaks (with 95 % intervals), recall and precision, and what was changed
    without need; no value of the data. Kind by kind it is told how many pieces a finding touches,
    how many are covered whole, how many are gone from the output, and how many findings are right.
    """
    from streamproc import telemetry

    settings = settings_of(ctx).settings
    settings = with_rules(settings, rules_directory)
    telemetry.configure(settings.log)
    datasets = list(_datasets([*files, *_in(folder)], limit))
    if not datasets:
        raise click.UsageError(
            "Nothing to measure: name labelled files, or their folder by --data."
        )
    with throwaway_keys(settings) as (kept_apart, ring):
        results = _measured(datasets, _systems(kept_apart, ring, baseline=baseline))
    if as_json:
        from streamproc.evaluate.report import to_json

        click.echo(json.dumps(to_json(datasets, results), indent=2))
    else:
        from rich.console import Console

        from streamproc.evaluate.report import render

        render(datasets, results, Console(width=None if Console().is_terminal else 160))


def _in(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    if not files:
        raise click.ClickException(
            f"There is no labelled data in {folder}: expected a folder of *.jsonl files."
        )
    return files


def _datasets(files: Sequence[Path], limit: int | None) -> Iterator[Dataset]:
    from streamproc.evaluate.datasets import read_dataset

    for file in files:
        dataset = read_dataset(file, limit)
        if dataset is None:
            click.echo(f"{file.name} is left out: not a format that is measured.", err=True)
        else:
            yield dataset


def _systems(settings: Settings, ring: KeyRing, *, baseline: bool) -> list[System]:
    from streamproc.assemble import load_rules, make_detector, make_pipeline
    from streamproc.evaluate.systems import (
        PRESIDIO_DEFAULTS,
        PRESIDIO_THRESHOLD,
        Presidio,
        Streamproc,
    )
    from streamproc.identity import View

    ruleset = load_rules(settings)
    pipeline = make_pipeline(settings, ring, View(), ruleset)
    # The default of Presidio looks for more than a ruleset has to, and is measured on it.
    more = {"entities": ruleset.entities | PRESIDIO_DEFAULTS, "minimum_score": PRESIDIO_THRESHOLD}
    ours = Streamproc(pipeline, make_detector(settings, ruleset.model_copy(update=more)))
    return [ours, Presidio()] if baseline else [ours]


def _measured(
    datasets: Sequence[Dataset], systems: Sequence[System]
) -> dict[str, dict[str, Figures]]:
    from streamproc.evaluate.measure import measure

    results: dict[str, dict[str, Figures]] = {dataset.name: {} for dataset in datasets}
    with _progress() as progress:
        for dataset in datasets:
            for system in systems:
                told = f"{dataset.name}, {system.name}"
                task = progress.add_task(told, total=len(dataset.cases))
                results[dataset.name][system.name] = measure(
                    dataset, system, partial(progress.advance, task)
                )
    return results


@contextmanager
def _progress() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:>52}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield progress
