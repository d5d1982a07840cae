"""What runs, at a glance: the figures behind ``streamproc top``.

``samples`` reads pages of metrics, ``figures`` makes of two of them what happens in a second,
``endpoints`` asks all processes at once, ``view`` draws. An edge: imports ``pages``, ``errors`` and
the names of metrics of ``sight``; Rich in ``view`` alone.
"""

from streamproc.top.endpoints import Answer, Endpoints, addresses_of
from streamproc.top.figures import SORTS, Figures, figures, in_order
from streamproc.top.samples import Page, by_process, parse

__all__ = [
    "SORTS",
    "Answer",
    "Endpoints",
    "Figures",
    "Page",
    "addresses_of",
    "by_process",
    "figures",
    "in_order",
    "parse",
]
