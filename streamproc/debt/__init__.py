"""Debt: rows of the warehouse that were made under weaker rules than today's.

    weaker    two rulesets held against each other by their texts: where one hides less
    owed      rows by table and path, from their fingerprints and manifests
    known     which ruleset a fingerprint on rows is of

``weaker`` and ``owed`` are pure: they import ``rules``, ``effects`` and what ``warehouse`` knows of
rows (:mod:`streamproc.warehouse.provenance`). ``known`` reads settings, files and the topic of
rules.
"""
