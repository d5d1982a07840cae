"""The command line: one module a command; what a command needs is imported when it runs.

``streamproc --help`` must answer at once, so this module and the modules of the commands import
only click and what is as light, and do the rest inside the command's function.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from streamproc.errors import ConfigError
    from streamproc.settings import Effective, Settings

__all__ = [
    "EXIT_BAD_SETTINGS",
    "EXIT_DEAD_LETTERS",
    "LazyGroup",
    "counted",
    "main",
    "rules_option",
    "settings_of",
    "with_rules",
]

EXIT_BAD_SETTINGS = 2
EXIT_DEAD_LETTERS = 3

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, first line of its help)
    "demo": ("streamproc.cli.demo:demo", "Show the whole way of an event on an embedded broker."),
    "worker": ("streamproc.cli.worker:worker", "Run a worker: raw topic to loader topic."),
    "load": ("streamproc.cli.load:load", "Run a loader: loader topic to warehouse."),
    "top": ("streamproc.cli.top:top", "Show what the processes do, live."),
    "canary": (
        "streamproc.cli.canary:canary",
        "Watch for leaks, by made-up people among the events.",
    ),
    "reprocess": (
        "streamproc.cli.reprocess:reprocess",
        "Read past events again, and correct their rows.",
    ),
    "dead": (
        "streamproc.cli.dead:dead",
        "Look into dead letters, repair them, and send them again.",
    ),
    "lookml": (
        "streamproc.cli.lookml:lookml",
        "Write LookML views and a model of the warehouse's tables.",
    ),
    "redact": ("streamproc.cli.redact:redact", "Redact JSON lines, offline."),
    "scan": (
        "streamproc.cli.scan:scan",
        "Tell what personal data is where in JSON lines, never a value.",
    ),
    "eval": (
        "streamproc.cli.eval:evaluate",
        "Measure detection and redaction on labelled data.",
    ),
    "rules": ("streamproc.cli.rules:rules", "Check rules, try them, and roll them out."),
    "identity": (
        "streamproc.cli.identity:identity",
        "Know who events belong to, and what the business knows of them.",
    ),
    "transform": (
        "streamproc.cli.transform:transform",
        "Check and try transformations, code of your own on events.",
    ),
    "plan": ("streamproc.cli.plan:plan", "Check a tracking plan, and try events against it."),
    "topics": ("streamproc.cli.topics:topics", "Create and inspect the topics."),
    "schemas": (
        "streamproc.cli.schemas:schemas",
        "Register schemas, and hold them against earlier versions.",
    ),
    "keys": (
        "streamproc.cli.keys:keys",
        "Make, rotate and look at key rings; forget a person's key.",
    ),
    "erase": (
        "streamproc.cli.erase:erase",
        "Erase a person everywhere, and verify that nothing is left.",
    ),
    "reveal": (
        "streamproc.cli.reveal:reveal",
        "Decrypt what `encrypt` wrote, and write it to the audit log.",
    ),
    "audit": ("streamproc.cli.audit:audit", "Check the audit log."),
    "bench": (
        "streamproc.cli.bench:bench",
        "Measure what a process does on this machine, with your rules.",
    ),
    "capacity": (
        "streamproc.cli.capacity:capacity",
        "Reckon workers, partitions, disk and memory for a load.",
    ),
    "settings": (
        "streamproc.cli.settings:settings",
        "Print the effective settings and where each came from.",
    ),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **options: Any
    ) -> None:
        """Take the commands: by name, ``module:attribute`` and the first line of the help."""
        super().__init__(*args, **options)
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order a newcomer meets them."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return the command."""
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy.items()])


class Main(LazyGroup):
    """The group of all commands, which ends as the outcome of each tells."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what somebody else has to put right is told without a traceback."""
        from streamproc.errors import ConfigError, RetryableError

        # Before NumPy is imported. The matrices of a language model of this size are small: threads
        # that wait for each other over them cost `redact` a sixth more processor time where cores
        # are free, and several times as long where they are not.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            _tell(error)
            sys.exit(EXIT_BAD_SETTINGS)
        except RetryableError as error:
            click.secho(f"streamproc: {error}; try again", fg="red", bold=True, err=True)
            sys.exit(1)


@click.group(cls=Main, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="streamproc", message="%(prog)s %(version)s")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The settings file [default: streamproc.toml, if there].",
)
@click.pass_context
def main(ctx: click.Context, settings_file: Path | None) -> None:
    """Customer events from Kafka to the warehouse, stripped of personal data in transit."""
    ctx.obj = settings_file


def settings_of(ctx: click.Context) -> Effective:
    """Return the effective settings for a command.

    Raises:
        ConfigError: As :func:`streamproc.settings.load_settings`.
    """
    from streamproc.settings import load_settings

    return load_settings(ctx.find_root().obj)


rules_option = click.option(
    "--rules",
    "rules_directory",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of the ruleset, or its file [default: that of the settings, or the shipped one].",
)
"""For commands that can be tried with other rules than those of the settings."""


def with_rules(settings: Settings, rules_directory: Path | None) -> Settings:
    """Return ``settings`` with the rules of :data:`rules_option`, where it was given."""
    if rules_directory is None:
        return settings
    rules = settings.rules.model_copy(update={"directory": rules_directory})
    return settings.model_copy(update={"rules": rules})


def counted(count: int, noun: str) -> str:
    """Return ``count`` with its noun: 1 row, 1,200 rows, 3 canaries."""
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{count:,} {noun}"


def _tell(error: ConfigError) -> None:
    told = f"streamproc: {counted(len(error.problems), 'problem')}"
    click.secho(told, fg="red", bold=True, err=True)
    for problem in error.problems:
        click.echo(f"  {problem}", err=True)
