"""The demo: realistic events with personal data planted in them, and the proof that none leaks.

The generator (:func:`generate`) is also what tests and benchmarks feed on. May import the core's
types, the settings and the codecs; nothing of streamproc imports this room but ``cli/demo.py``.
"""

from streamproc.demo.generate import Mix, generate
from streamproc.demo.planting import Kind, Planted
from streamproc.demo.records import Generated

__all__ = ["Generated", "Kind", "Mix", "Planted", "generate"]
