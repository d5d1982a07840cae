"""Redaction: findings and rules to new values, and a manifest of what was done.

==============  ===================================================================================
``keys``        the key ring, and a key for each purpose
``tokens``      keyed tokens: one value, one token, however it is written
``naming``      whom an event is about: ids, what else names a person, its account
``ciphers``     what the ring does besides: encryption, and keyed changes of form
``subjects``    keys of people
``operators``   what can be done with a value
``dates``       dates as they are written, moved or made less exact
``formats``     values of one form onto values of that form, by ``ff1``
``joins``       old tokens beside new ones, while keys overlap
``answers``     the memo: what is known of values seen before
``sites``       the fields of events that were met, with all that a walk needs there
``places``      how values are named and changed where they stand
``embedded``    documents in texts: JSON, form-encoded, base64
``survey``      the walk over an event: what is known, what is to be searched
``siblings``    names that an event states in one field, found again in its other texts
``redact``      findings and decisions to the redacted event and its manifest
==============  ===================================================================================

Ids stay apart whatever the rules: a ``messageId`` in which anything is found becomes a token as a
whole (manifest: rule ``message-id``), and so does a user, anonymous, previous or group id whose
findings would be replaced or masked (rule ``identifiers``). A rule on a whole field (``entity``)
does as it says, but for ``messageId``, which tells rows apart. The event's ``type`` and timestamps,
which decoding has read, are neither searched nor reached by rules.

Imports ``events``, ``errors``, ``rules`` and ``detect``'s plain types; no I/O, no clock. Numbers
are decided by rules on whole fields; inside numbers nothing is searched.
"""

from streamproc.redact.answers import Memo
from streamproc.redact.ciphers import ENCRYPTED, Ciphers
from streamproc.redact.keys import KeyRing, parse_key_ring, write_key_ring
from streamproc.redact.naming import NamedTrait, Naming, Subjects, nobody_tokens
from streamproc.redact.redact import Redactor
from streamproc.redact.scoped import ScopedSites
from streamproc.redact.sites import Sites
from streamproc.redact.subjects import SubjectKey, SubjectKeys
from streamproc.redact.survey import Survey, survey
from streamproc.redact.tokens import TOKEN, Tokens

__all__ = [
    "ENCRYPTED",
    "TOKEN",
    "Ciphers",
    "KeyRing",
    "Memo",
    "NamedTrait",
    "Naming",
    "Redactor",
    "ScopedSites",
    "Sites",
    "SubjectKey",
    "SubjectKeys",
    "Subjects",
    "Survey",
    "Tokens",
    "nobody_tokens",
    "parse_key_ring",
    "survey",
    "write_key_ring",
]
