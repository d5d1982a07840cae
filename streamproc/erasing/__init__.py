"""Erasing: the steps that have a person forgotten everywhere, and the search for what is left.

What the steps follow from is a case (:mod:`streamproc.erasure`), which is published first: from
then on nothing new comes of the person. Every step can be taken again, by whoever; in which order
two operators do so makes no difference.

An edge: imports ``erasure`` and the core, ``kafka``, ``warehouse``, ``settings`` and
``subject_keys``. Nothing is re-exported: a command pays only for what it uses.
"""
