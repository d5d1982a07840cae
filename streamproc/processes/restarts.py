"""When a process that died is started again, and when it is no use. Pure: times are told."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Deaths", "Restarts"]


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a process may die.

    Attributes:
        first_seconds: Wait before it is started again after it died; doubled for each death …
        most_seconds: … up to this.
        most: Deaths within ``window_seconds`` after which it is given up.
        window_seconds: How long a death counts.
    """

    first_seconds: float = 1.0
    most_seconds: float = 30.0
    most: int = 6
    window_seconds: float = 600.0


@dataclass(slots=True)
class Deaths:
    """How often one process died lately."""

    policy: Restarts
    _times: list[float] = field(default_factory=list)

    def wait_after(self, now: float) -> float | None:
        """Return how many seconds to wait after a death at ``now``; None: it is given up.

        ``now`` is of a clock that never goes back, and so is every later one.
        """
        recent = [time for time in self._times if now - time < self.policy.window_seconds]
        self._times = [*recent, now]
        if len(self._times) >= self.policy.most:
            return None
        doubled = self.policy.first_seconds * 2.0 ** (len(self._times) - 1)
        return min(doubled, self.policy.most_seconds)
