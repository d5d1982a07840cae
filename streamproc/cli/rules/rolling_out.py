"""What ``publish`` and ``rollback`` have in common: making a publication, and showing its way."""

from __future__ import annotations

import getpass
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from streamproc.assemble import detectors_fingerprint, row_fingerprint
from streamproc.audit import append, entry
from streamproc.cli import counted
from streamproc.errors import ConfigError, Problem
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.log import RulesLog
from streamproc.rollout.publish import Outcome, Publication, publish, state_of
from streamproc.rollout.workers import Heard, Workers
from streamproc.settings import Settings

__all__ = ["about", "roll_out"]

_CONTROLS = frozenset(
    map(chr, (*range(9), *range(11, 32), *range(127, 160), *range(0xD800, 0xE000)))
)
"""But tab and line feed. Bytes of a command line that are not UTF-8 come as surrogates."""
REASONS = {
    "refused": "a worker cannot use it; its log says why",
    "not_ready": "not every worker was ready for it in time",
    "overtaken": "another one took over meanwhile; look again",
}


def about(
    settings: Settings,
    files: Mapping[str, str],
    *,
    message: str,
    author: str | None,
    restores: int | None = None,
    against: int | None = None,
) -> Publication:
    """Return what is to be published; see :class:`streamproc.rollout.publish.Publication`.

    Raises:
        ConfigError: With every problem of the ruleset that ``files`` write, or of what is said.
    """
    author = author or _user()
    _refuse_undecodable({"--message": message, "--author": author})
    ruleset = open_bundle(files)
    return Publication(
        files=files,
        fingerprint=ruleset.fingerprint,
        rows=row_fingerprint(settings, ruleset),
        author=author,
        message=message,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        nonce=uuid.uuid4().hex,
        restores=restores,
        detectors=detectors_fingerprint(settings, ruleset),
        against=against,
    )


def _refuse_undecodable(said: Mapping[str, str]) -> None:
    """Refuse what is no text to print: others' terminals show it, in `rules history`."""
    if wrong := [option for option, text in said.items() if not set(text).isdisjoint(_CONTROLS)]:
        told = "expected text in UTF-8, without control characters"
        raise ConfigError(*(Problem("command line", option, told) for option in wrong))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # containers often run as a number that has no name
        return f"uid {os.getuid()}"


def roll_out(
    settings: Settings, publication: Publication, wait_seconds: float, *, as_json: bool
) -> bool:
    """Publish, show how the workers get ready, say what came of it; return whether it took over.

    Where an audit log is configured it is noted there, before and after.
    """
    _note(settings, "rules publish", publication)
    with RulesLog(settings) as log, Workers(settings) as workers, _shown() as show:
        outcome = publish(log, workers, publication, show, wait_seconds)
    came_of_it = outcome.reason or "in force"
    _note(settings, "rules publish done", publication, ruleset=str(outcome.id), outcome=came_of_it)
    if as_json:
        click.echo(json.dumps(_told(outcome, publication), indent=2))
    else:
        _say(outcome)
        _warn(outcome, publication)
    return outcome.fences is not None


def _note(settings: Settings, action: str, publication: Publication, **details: str) -> None:
    if settings.audit.file is None:
        return
    said = {"fingerprint": publication.fingerprint, "author": publication.author, **details}
    if publication.restores is not None:
        said["restores"] = str(publication.restores)
    noted = entry(action, datetime.now(UTC), reason=publication.message, **said)
    append(settings.audit.file, [noted])


def _say(outcome: Outcome) -> None:
    live = [each for each in outcome.workers if each.live]
    if outcome.fences is None:
        reason = REASONS[outcome.reason]
        click.secho(f"Ruleset {outcome.id} is not in force: {reason}.", fg="red", bold=True)
        return
    click.secho(f"Ruleset {outcome.id} is in force.", fg="green", bold=True)
    for partition, offset in outcome.fences.items():
        click.echo(f"  partition {partition} from offset {offset:,} on")
    if not outcome.fences:
        click.echo("  the first one: from the beginning of every partition")
    if not live:
        click.echo("  no worker is running that follows the topic of rules")


def _warn(outcome: Outcome, publication: Publication) -> None:
    """Tell which workers write something else on rows: other models, or another tracking plan."""
    for each in outcome.workers:
        made = each.status.rulesets.get(str(outcome.id))
        if each.live and made is not None and made.rows not in {None, publication.rows}:
            told = f"  rows of {each.status.worker} say {made.rows}, not {publication.rows}"
            click.secho(f"{told}: its settings differ from these", fg="yellow")


def _told(outcome: Outcome, publication: Publication) -> dict[str, Any]:
    return {
        "ruleset": outcome.id,
        "fingerprint": publication.fingerprint,
        "rows": publication.rows,
        "in_force": outcome.fences is not None,
        "reason": outcome.reason or None,
        "fences": outcome.fences,
        "workers": {
            each.status.worker: state_of(each, outcome.id) for each in outcome.workers if each.live
        },
    }


@contextmanager
def _shown() -> Iterator[Any]:
    console = Console(stderr=True, markup=False, emoji=False)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        told: list[str] = []

        def show(number: int, heard: Sequence[Heard]) -> None:
            states = [state_of(each, number) for each in heard if each.live]
            if console.is_terminal:
                live.update(_table(number, heard), refresh=True)
                return
            ready = f"{states.count('ready')} of {counted(len(states), 'worker')}"
            line = f"ruleset {number}: {ready} ready"
            if [line] != told:
                told[:] = [line]
                click.echo(line, err=True)

        yield show


def _table(number: int, heard: Sequence[Heard]) -> Table:
    table = Table("Worker", f"Ruleset {number}", "Partitions", box=None, header_style="bold")
    for each in heard:
        if each.live:
            partitions = ", ".join(sorted(each.status.partitions, key=int))
            table.add_row(each.status.worker, state_of(each, number), partitions)
    return table
