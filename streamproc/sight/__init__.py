"""What can be seen of a process from outside: metrics, health, traces.

``metrics`` defines what there is to measure, ``meter`` counts it, ``server`` shows it, ``health``
says whether a process can go on and whether it is ready. ``worker``, ``batch`` and ``loader`` are
what those count, and when; ``traces`` what is traced of them, which ``otlp`` sends; ``start`` puts
it together. An edge: imports the core, settings and telemetry, prometheus-client, OpenTelemetry
where traces are asked for, and the clock; never Kafka, Faust or a warehouse, so that whoever has
something to count can import it.
"""

from streamproc.sight.batch import UNWATCHED, BatchWatch, Watch, Watched
from streamproc.sight.health import Health, Pulse, trouble_of
from streamproc.sight.meter import Meter, registry_of
from streamproc.sight.metrics import METRICS, Metric
from streamproc.sight.server import Views, serving
from streamproc.sight.start import seeing_loader, seeing_worker
from streamproc.sight.worker import WorkerSight

__all__ = [
    "METRICS",
    "UNWATCHED",
    "BatchWatch",
    "Health",
    "Meter",
    "Metric",
    "Pulse",
    "Views",
    "Watch",
    "Watched",
    "WorkerSight",
    "registry_of",
    "seeing_loader",
    "seeing_worker",
    "serving",
    "trouble_of",
]
