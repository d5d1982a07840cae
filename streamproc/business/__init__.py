"""The business's own records: in from files, Heroku Connect and Singer taps, and back out.

An edge: imports the core, ``settings``, ``assemble``, ``rollout`` and ``kafka``, and speaks to
databases. Of a record nothing leaves it but tokens of its identifiers and the attributes that the
identity configuration allows, redacted by the rules in force as an event would be. Nothing
is re-exported: a command pays only for what it uses.

- :mod:`.records` makes records for the topic of attributes out of rows, with :mod:`.values`, and
  counts in :mod:`.totals`; :mod:`.assembly` has it ready by the settings;
- :mod:`.files` and :mod:`.tables` read rows, the latter over :mod:`.postgres`;
- :mod:`.topic` reads what the topic has, :mod:`.known` remembers tokens on disk;
- :mod:`.loading`, :mod:`.syncing`, :mod:`.singer` and :mod:`.export` are what the commands do.
"""
