"""Identity: who an event belongs to, by tokens alone.

No identifier in clear comes into this room: a :class:`~streamproc.events.Subject` holds keyed
tokens, and so does every :class:`~streamproc.events.Link`. Imports ``events`` only; no I/O: the
links' topic is read and written by ``kafka``.

**How links are resolved.** Links form a set that only grows, so it does not matter in which order,
how often or through which worker they arrive: at-least-once delivery gives everyone the same view.

- An *alias* link joins two ids into one person, named by the smallest token of all its ids.
- An *identify* link says that a device (an anonymous id) was used by a person (a user id). It never
  joins people: a device that several persons used stays a device of its own.

An event with a user id belongs to that person; one with an anonymous id alone belongs to the one
person who used the device, if there is exactly one, else to the device.
"""

from streamproc.identity.links import links_of
from streamproc.identity.view import View

__all__ = ["View", "links_of"]
