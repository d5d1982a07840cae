"""The several processes of ``streamproc worker --processes N``: what they share, and what each is.

Beside the workers there is one more process where metrics are served: the parent has a single
thread, and is to do nothing that could keep it from watching.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streamproc.assemble import Detectors
    from streamproc.processes.merged import ReservedPorts
    from streamproc.settings import Settings

__all__ = ["in_processes"]

LEAVE_SECONDS: Final = 10.0
"""What a process may take to end beside its drains: to write down its state, and to tear down."""
METRICS: Final = "metrics"
"""The name of the process that serves metrics."""


def in_processes(settings: Settings, count: int) -> tuple[Settings, Detectors]:
    """Start ``count`` workers; return, in each of them, its settings and the models they share.

    Raises:
        SystemExit: In the parent, and in the process that serves metrics, at their end.
    """
    import structlog

    from streamproc import telemetry
    from streamproc.processes import Supervision, supervised
    from streamproc.processes.merged import ReservedPorts
    from streamproc.worker import settle_interpreter

    structlog.get_logger().info("loading models for all processes", processes=count)
    # Threads of NumPy's would not be forked, and processes share the cores.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    detectors = _shared(settings)
    settle_interpreter()  # what the garbage collector does not go over stays shared
    workers = [str(number) for number in range(count)]
    ports = ReservedPorts(workers if settings.metrics.port is not None else [])
    # Twice the bound of a drain: that of batches, and that of leaving the group.
    stop_seconds = 2 * settings.worker.shutdown_seconds + LEAVE_SECONDS
    names = [*workers, *([METRICS] if settings.metrics.port is not None else [])]
    name = supervised(names, Supervision(stop_seconds))
    telemetry.name_process(name)
    if name == METRICS:
        _serve_metrics(settings, ports)
        sys.exit(0)
    return _settings_of(name, settings, ports), detectors


def _shared(settings: Settings) -> Detectors:
    """Return the detectors of the rules in force; none where those cannot be had now."""
    import structlog

    from streamproc.assemble import NO_DETECTORS, ready_detectors
    from streamproc.errors import StreamprocError
    from streamproc.rollout import current_ruleset

    try:
        return ready_detectors(settings, current_ruleset(settings))
    except StreamprocError as error:
        # Each process waits for them by itself, and makes its own.
        log = structlog.get_logger()
        log.warning("the processes do not share their models", cause=str(error))
        return NO_DETECTORS


def _serve_metrics(settings: Settings, ports: ReservedPorts) -> None:
    """Serve the workers' metrics as one until SIGTERM."""
    from streamproc.processes.merged import Merged
    from streamproc.sight import serving

    # Before there are threads, which inherit it: so the signal is nobody's but the one who waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    with serving(settings.metrics, Merged(ports.numbers()).views):
        signal.sigwait([signal.SIGTERM])


def _settings_of(name: str, settings: Settings, ports: ReservedPorts) -> Settings:
    """Return the settings of the worker ``name``."""
    own: dict[str, object] = {}
    if settings.worker.instance_id is not None:
        instance = f"{settings.worker.instance_id}-{name}"
        own["worker"] = settings.worker.model_copy(update={"instance_id": instance})
    if (port := ports.numbers().get(name)) is not None:
        # The parent's port is for all of them.
        address = {"host": "127.0.0.1", "port": port}
        own["metrics"] = settings.metrics.model_copy(update=address)
    return settings.model_copy(update=own)
