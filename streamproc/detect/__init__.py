"""Texts to findings: where personal data is in a batch of texts, equal to Presidio and far faster.

A :class:`Detector` answers for a whole batch at once, through these steps, each in its own module:

==============  ===================================================================================
``shapes``      values a machine made (UUIDs, timestamps, digests) are left out
``urls``        URLs are also taken apart, decoded, and their parts detected as texts of their own
``normalise``   texts that read otherwise than they look are also detected as they look
``scan``        one Vectorscan pass says which of Presidio's patterns can match a text at all
``phones``      exact preconditions of the telephone number matcher, the dearest recognizer
``analyze``     Presidio's patterns, validations, context words and thresholds on what is left
``lemmas``      whether words around a finding could raise its score, told without a model
``names``       which texts are prose, the only ones searched for names, and which of them stand
``language``    the language models: named entities for prose, lemmas for context
``entities``    spaCy's entity recognizer, its decisions made for a whole batch at once
``pool``        processes that read names, where there are cores for them
``gates``       findings that luck explains are taken away: numbers, versions, words with a dot
``evidence``    values that look like what their field's name announces (``field_names``)
``repeated``    names that an e-mail address or a finding speaks of, where else they stand
``overlaps``    findings that overlap become findings that do not
==============  ===================================================================================

``definitions`` are own recognizers as data, which ``own`` builds (``checksums``) and ``analyze``
runs as it runs Presidio's. ``siblings`` finds the names an event states in one field again in its
free texts.

May import: the standard library, ``streamproc.events``, ``streamproc.errors``, presidio-analyzer,
spaCy with its thinc and NumPy, phonenumbers, tldextract, hyperscan, regex and structlog. No
network, no environment; the only files it touches are the models and the compiled pattern database
in the folder it is given. Importing this package is cheap: Presidio and spaCy (2 s) are imported
when the first Detector is made.
"""

from streamproc.detect.detector import Detector
from streamproc.detect.overlaps import resolve_overlaps
from streamproc.detect.siblings import find_known
from streamproc.detect.texts import NameModel, Recognition, Text, key_words

__all__ = [
    "Detector",
    "NameModel",
    "Recognition",
    "Text",
    "find_known",
    "key_words",
    "resolve_overlaps",
]
