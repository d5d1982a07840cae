"""How well personal data is found and removed, measured on labelled data.

    labelled file ──read_cases──▶ Case ──System──▶ findings, redacted event ──measure──▶ Report

A case is one event with what is known of it: where personal data is, and where none is. A system
is what is measured: streamproc as it is configured, and Presidio's default beside it. All figures
are counts with their total, so that an interval can stand beside each.

``metrics`` is pure arithmetic; ``labels`` says what the types of each data set mean; ``leaks`` says
whether a value is still in an output. ``inventory`` and ``proposals`` are about data without
labels: what is where, and which rules would decide it.

May import: the core, presidio-analyzer, spaCy, rich and ruamel.yaml. It reads the files it is
given, and writes only what ``proposals`` is asked to write. Nothing but the command line imports
it. No value of a case is ever in a report.
"""
