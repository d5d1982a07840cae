"""Sending records of dead letters again, for the commands that do."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import click

from streamproc.cli import counted
from streamproc.cli.dead import EXIT_LEFT
from streamproc.cli.dead.choosing import Choice, inventory_of
from streamproc.cli.dead.opening import note, reason_of, required_log

if TYPE_CHECKING:
    from streamproc.deadletters.inventory import Entry
    from streamproc.deadletters.opening import Open
    from streamproc.kafka.dead_letter_originals import Original
    from streamproc.replay import Mended, Replayed
    from streamproc.settings import Settings

__all__ = ["Order", "end", "refuse_all", "send", "sending", "summary"]

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_RATE = 100
HIGHEST_RATE = 100_000


def _every(_entry: Entry) -> bool:
    return True


class Order(NamedTuple):
    """What is to be sent, and how.

    Attributes:
        action: What is done, for the audit log.
        choice: Which letters.
        opened: Opens sealed originals; None where nobody gave a private key.
        rate: Most records a second.
        again: Whether those that came back too often are sent too.
        reason: Why, for the audit log.
        repairs: Name and fingerprint of the repairs, for the audit log; empty for none.
        is_meant: Whether a letter is meant at all, as far as its cause tells; the originals of
            others are not opened.
    """

    action: str
    choice: Choice
    opened: Open | None
    rate: int
    again: bool
    reason: str | None
    repairs: str = ""
    is_meant: Callable[[Entry], bool] = _every

    def told(self, settings: Settings) -> dict[str, str]:
        """Return what of it stands in the audit log."""
        how = "private key" if self.opened else "raw topic"
        said = {"topic": settings.topics.dead, "originals": how, "reason": reason_of(self.reason)}
        return said | {"repairs": self.repairs} | self.choice.told()


def sending(command: F) -> F:
    """Give ``command`` the options --rate, --again and --reason."""
    options = (
        click.option(
            "--rate",
            type=click.IntRange(1, HIGHEST_RATE),
            default=DEFAULT_RATE,
            show_default=True,
            help="Most records a second.",
        ),
        click.option("--again", is_flag=True, help="Those too that came back twice or more."),
        click.option("--reason", help="Why; stands in the audit log."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def refuse_all(choice: Choice, *, every: bool) -> None:
    """Refuse to send everything where nobody said so.

    Raises:
        click.UsageError: Nothing in particular was asked for.
    """
    if choice.is_all and not every:
        raise click.UsageError("say which letters: by ids, --code and the like, or --all")


def send(settings: Settings, order: Order, mend: Callable[[Original], Mended | None]) -> Replayed:
    """Send what ``order`` asks for; it stands in the audit log before, and with counts after.

    Raises:
        ConfigError: No audit log is configured, or it cannot be written.
        RetryableError: Kafka cannot be read or written, or another replay took over.
    """
    from streamproc.cli.progress import progress_of
    from streamproc.kafka.dead_letter_replays import ReplayProducer
    from streamproc.replay import Replays, replay, sendable

    log = required_log(settings)
    told = order.told(settings)
    left: Counter[str] = Counter()
    # It takes over first: what is read of the marks then is all that others will have written.
    with ReplayProducer(settings.kafka, settings.topics.dead) as producer:
        inventory = inventory_of(settings, order.choice)
        note(log, order.action, told)
        sent = sendable(inventory, settings, left, again=order.again)
        entries = filter(order.is_meant, sent)
        with progress_of(inventory.wanted) as advance, _stopped_by_signals() as stop:
            plan = Replays(settings, order.opened, mend, order.rate, advance, stop)
            done = replay(entries, producer, plan)
    left["not there, or not of what else was asked for"] += _absent(order.choice, inventory.wanted)
    done.left.update(left)
    counts = {"sent": str(done.sent), "opened": str(done.opened)}
    note(log, f"{order.action} done", told | counts)
    return done


def summary(done: Replayed) -> dict[str, Any]:
    """Return what was done, by names."""
    return {
        "complete": done.complete,
        "sent": done.sent,
        "opened": done.opened,
        "restamped": done.restamped,
        "left": {why: count for why, count in sorted(done.left.items()) if count},
    }


def end(done: Replayed) -> NoReturn:
    """Tell what was done, and end the command; with 1 where something was left."""
    click.echo(f"{counted(done.sent, 'record')} sent.")
    if done.restamped:
        click.echo(f"{done.restamped:,} of them with the time of now: theirs is long ago.")
    for why, count in summary(done)["left"].items():
        click.echo(f"{count:,} not sent: {why}.")
    if not done.complete:
        click.secho("Interrupted; begin again to send the rest.", fg="yellow", err=True)
    sys.exit(exit_code(done))


def exit_code(done: Replayed) -> int:
    """Return 0 where all that was asked for was sent."""
    return 0 if done.complete and not done.left.total() else EXIT_LEFT


def _absent(choice: Choice, there: int) -> int:
    return max(0, len(choice.positions) - there)


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    signals: list[int] = []  # not an Event: its lock may be held when a signal comes
    before = {
        number: signal.signal(number, lambda received, _frame: signals.append(received))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: bool(signals)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
