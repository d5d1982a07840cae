"""The business's own records: in from files, Heroku Connect and Singer taps, and back out.

An edge: imports the core, ``settings``, ``assemble`` and ``kafka``, and speaks to databases. Of a
record nothing leaves it but tokens of its identifiers and the attributes that the identity
configuration allows, redacted by the rules in force as a producer's identify event would be.

- :mod:`.records` makes records for the topic of attributes out of rows;
- :mod:`.files`, :mod:`.tables` and :mod:`.singer` read rows;
- :mod:`.topic` writes to the topic and reads it, :mod:`.known` remembers tokens on disk;
- :mod:`.loading`, :mod:`.syncing` and :mod:`.export` are what the commands do.
"""
