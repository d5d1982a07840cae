"""What a process knows of identities: read from the topics of links and attributes, kept on disk.

Imports the core and ``settings``, and of ``kafka`` its clients, codecs and topics. Nothing is
re-exported: a command pays only for what it uses.
"""
