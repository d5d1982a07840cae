"""The demo: realistic events with personal data planted in them, and the proof that none leaks.

The generator (:func:`generate`) is also what tests and benchmarks feed on.

An edge: it starts the worker and the loader as processes and looks at what they leave behind. May
import the core's types, the settings, the embedded broker and the key ring; nothing of streamproc
imports this room but ``cli/demo.py``.
"""

from streamproc.canaries.planting import Kind, Planted
from streamproc.demo.generate import Mix, generate
from streamproc.demo.records import Generated

__all__ = ["Generated", "Kind", "Mix", "Planted", "generate"]
