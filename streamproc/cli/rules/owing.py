"""What ``debt`` and ``reprocess`` have in common: what the warehouse owes."""

from __future__ import annotations

from streamproc.debt.known import Known
from streamproc.debt.owed import Debt, owed_by, states_of, unsettled
from streamproc.settings import Settings
from streamproc.warehouse.asking import asked
from streamproc.warehouse.provenance import read_handled, read_made

__all__ = ["debt_of"]


def debt_of(settings: Settings, known: Known) -> Debt:
    """Return what the rows of the warehouse owe.

    Raises:
        ConfigError: As :func:`~streamproc.warehouse.asking.asked`.
        RetryableError: The same.
    """
    with asked(settings) as reader:
        made = read_made(reader)
        states = states_of(
            (each.ruleset for each in made), known.rulesets, known.today, known.otherwise
        )
        handled = read_handled(reader, unsettled(states))
    return owed_by(made, handled, known.rulesets, known.today, known.otherwise)
