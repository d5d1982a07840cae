"""Everything that speaks Kafka: the Faust transport, producer, topics, codecs, embedded broker.

An edge: imports the core, and of the other edges only ``settings`` and ``telemetry``. Nothing is
re-exported here, so that a command pays only for the clients it uses.
"""
