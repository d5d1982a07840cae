"""The canary: sends invented people through the raw topic, and looks for what is theirs behind it.

``sending`` puts them there; ``watching`` reads the topics behind the workers, ``files`` logs, and
``stored`` the warehouse; ``removal`` has the loaders delete their rows. ``patrol`` is all of it,
and ``rounds`` how it goes on. Their values are in the memory of this process alone: what is told of
a leak is where it was found and where in the event the value was planted.

An edge: imports ``canaries`` and the core's types, ``kafka``, ``warehouse``, ``sight``, settings.
"""

from streamproc.canary.patrol import Patrol, Summary, Terms, patrolling, recipe_of
from streamproc.canary.rounds import TOPICS, check, run

__all__ = ["TOPICS", "Patrol", "Summary", "Terms", "check", "patrolling", "recipe_of", "run"]
