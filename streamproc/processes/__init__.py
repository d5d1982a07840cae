"""Several processes of one worker: as many as it is given cores, started, watched and ended as one.

A Python process uses one core. ``streamproc worker --processes N`` is a parent that holds no event
and no Kafka client, and N children that are workers like any other: group members, identity state
and memos of their own, nothing shared but the pages of memory that none of them writes to.

An edge: it forks, waits for signals, reads the machine's limits, and shows all metrics as those of
one. It imports ``sight``, and knows no Kafka, no Faust and no event: what a process does is for who
calls.
"""

from streamproc.processes.cores import usable_cores
from streamproc.processes.restarts import Restarts
from streamproc.processes.supervise import Supervision, supervised

__all__ = ["Restarts", "Supervision", "supervised", "usable_cores"]
