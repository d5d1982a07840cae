"""How much a machine can do, and how many machines a load needs.

``measure`` runs the pipeline over sample events, without Kafka, and makes a ``profile`` of it;
``needs`` reckons from a profile and a load what to provide, each figure with its reason. ``bench``
and ``capacity`` are the commands.

An edge: ``measure`` reads clocks and the machine. It imports the core, the codec of rows and
nothing of Kafka's clients; ``needs`` and ``profile`` are pure.
"""

from streamproc.capacity.needs import Load, Need, Planned, needs
from streamproc.capacity.profile import SHIPPED, Machine, Profile, read_profile

__all__ = [
    "SHIPPED",
    "Load",
    "Machine",
    "Need",
    "Planned",
    "Profile",
    "needs",
    "read_profile",
]
