"""Which dead letters a command is about, and what is on their topic."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from streamproc.cli import settings_of
from streamproc.cli.moments import Moment, micros

if TYPE_CHECKING:
    from streamproc.deadletters.inventory import Inventory, Position, Wanted
    from streamproc.kafka.dead_letters import Advance
    from streamproc.settings import Settings

__all__ = [
    "Choice",
    "LetterId",
    "choosing",
    "inventory_of",
    "moment_text",
    "settings_for",
    "started_on",
    "times",
]

F = TypeVar("F", bound=Callable[..., Any])

MOST_TOLD = 20

KINDS = (
    # option, parameter, help
    ("--stage", "stages", "Those that failed there; may be given several times, as all of these."),
    ("--code", "codes", "Those of this code."),
    ("--path", "paths", "Those that failed on this field, as `dead list` shows it."),
    ("--topic", "topics", "Those whose records are of this topic."),
    ("--ruleset", "rulesets", "Those that failed under the ruleset of this fingerprint."),
)


class Choice(NamedTuple):
    """What was asked for on the command line."""

    kinds: dict[str, frozenset[str]]
    since: datetime | None = None
    until: datetime | None = None
    positions: frozenset[Position] = frozenset()

    @property
    def wanted(self) -> Wanted:
        """The same for an inventory, but for ``since``."""
        from streamproc.deadletters.inventory import Wanted

        until = None if self.until is None else micros(self.until)
        return Wanted(**self.kinds, until=until, positions=self.positions)

    @property
    def is_all(self) -> bool:
        """Whether nothing in particular was asked for."""
        return not (any(self.kinds.values()) or self.since or self.until or self.positions)

    def told(self) -> dict[str, str]:
        """Return the same for the audit log."""
        said = {name: ",".join(sorted(values)) for name, values in self.kinds.items() if values}
        moments = {"since": self.since, "until": self.until}
        said |= {name: each.isoformat() for name, each in moments.items() if each}
        return said | ({"letters": _some(self.positions)} if self.positions else {})


class LetterId(click.ParamType):
    """A dead letter, by its position."""

    name = "id"

    def convert(
        self, value: str | Position, param: click.Parameter | None, ctx: click.Context | None
    ) -> Position:
        """Return the position."""
        from streamproc.deadletters.inventory import Position

        if isinstance(value, Position):
            return value
        try:
            return Position.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def settings_for(ctx: click.Context) -> Settings:
    """Return the settings, with logs on standard error: what is said of brokers, for one.

    Raises:
        ConfigError: As :func:`streamproc.settings.load_settings`.
    """
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    return settings


def choosing(command: F) -> F:
    """Give ``command`` the options by which letters are chosen, as one argument ``choice``."""

    @functools.wraps(command)
    def chosen(*args: Any, **options: Any) -> Any:
        kinds = {name: frozenset(options.pop(name)) for _, name, _ in KINDS}
        moments = {name: options.pop(name, None) for name in ("since", "until")}
        return command(*args, choice=Choice(kinds, **moments), **options)

    for option, name, said in reversed(KINDS):
        chosen = click.option(option, name, multiple=True, help=said)(chosen)
    return chosen  # type: ignore[return-value] # with other options, as click calls it


def times(command: F) -> F:
    """Give ``command`` the options --since and --until."""
    until = click.option("--until", type=Moment(), help="Those written before then.")
    since = click.option("--since", type=Moment(), help="Those written from then on.")
    return since(until(command))


def _some(positions: frozenset[Position]) -> str:
    shown = ",".join(map(str, sorted(positions)[:MOST_TOLD]))
    return shown + f",… ({len(positions)})" * (len(positions) > MOST_TOLD)


def inventory_of(settings: Settings, choice: Choice, *, beside_output: bool = False) -> Inventory:
    """Return what is on the topic of dead letters, with a bar while it is read."""
    from streamproc.kafka.dead_letters import take_inventory
    from streamproc.kafka.ranges import EARLIEST

    since = EARLIEST if choice.since is None else micros(choice.since)
    with started_on(beside_output=beside_output) as started:
        return take_inventory(settings.kafka, settings.topics.dead, choice.wanted, since, started)


@contextmanager
def started_on(*, beside_output: bool = False) -> Iterator[Callable[[int], Advance]]:
    """Yield what is told how many offsets there are to read, and shows how far it is."""
    from contextlib import ExitStack

    from streamproc.cli.progress import progress_of

    with ExitStack() as stack:
        yield lambda total: stack.enter_context(progress_of(total, beside_output=beside_output))


def moment_text(moment: int) -> str:
    """Return microseconds since the epoch as people read them, to the second, in UTC."""
    from datetime import UTC

    return datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
