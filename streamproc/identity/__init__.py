"""Identity: who an event belongs to, by tokens alone.

No identifier in clear comes into this room: a :class:`~streamproc.events.Subject` holds keyed
tokens, and so does every :class:`~streamproc.events.Link`. Links are taken into a
:class:`~streamproc.identity.store.Store`; what is kept there (:mod:`.nodes`, :mod:`.graph`) is a
function of the set of links, so it does not matter in which order, how often or through which
worker they arrive: at-least-once delivery gives everyone the same view.

**Whose an event is** (:mod:`.view`).

- An *alias* link joins two ids into one person, named by the smallest token of all its ids. Nothing
  else makes two user ids one person.
- An *identify* link says that a device (an anonymous id) was used by a user id. A device belongs to
  the one person it was used by; one that several used stands for itself.
- A *trait* link says that a trait, such as an e-mail address, is a user id's; a *trait_device* link
  that it was given on a device. A device that no user id is known of belongs to the one person
  whose trait was given there; where the trait is nobody's yet, all its devices belong together.
- A *group* link says which account an id belongs to: the last one counts.

Limits (:mod:`.language`) say from where on this is not believed. A link that is *cut* counts for
nothing any more, and its two ends stay apart whatever events say later.

The configuration is read by :mod:`.config`. What the business knows is :mod:`.attributes`.
What changes for whoever keeps a table of it all is :mod:`.mappings`.

Imports ``events``, ``errors``, and of ``rules`` what reads YAML and names entities; pydantic,
orjson and structlog. No I/O but for the configuration's file: the topics are read and written by
``kafka``, which has the store on disk as well.
"""

from streamproc.identity.links import links_of
from streamproc.identity.view import Belonging, People, View

__all__ = ["Belonging", "People", "View", "links_of"]
