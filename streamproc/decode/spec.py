"""The event spec as tables: known fields, what each type needs, and the spec's own words.

https://www.rudderstack.com/docs/event-spec/standard-events/ and
https://segment.com/docs/connections/spec/; the two agree in all that is written here.
"""

from __future__ import annotations

from typing import Final

from streamproc.events import EventType

__all__ = ["FIELDS", "REQUIRED", "VOCABULARY"]

FIELDS: Final[tuple[tuple[str, type], ...]] = (
    ("messageId", str),
    ("userId", str),
    ("anonymousId", str),
    ("previousId", str),
    ("groupId", str),
    ("event", str),
    ("name", str),
    ("category", str),
    ("channel", str),
    ("context", dict),
    ("traits", dict),
    ("properties", dict),
    ("integrations", dict),
)
"""Known fields and their types. ``type`` and the timestamps have checks of their own."""

_SOMEONE = ("userId", "anonymousId")

REQUIRED: Final[dict[EventType, tuple[tuple[str, ...], ...]]] = {
    "identify": (_SOMEONE,),
    "track": (_SOMEONE, ("event",)),
    "page": (_SOMEONE,),
    "screen": (_SOMEONE,),
    "group": (_SOMEONE, ("groupId",)),
    "alias": (("userId",), ("previousId",)),
}
"""For each type the fields it needs; of each tuple one is enough."""

VOCABULARY: Final = frozenset(
    """
    type messageId userId anonymousId previousId groupId event name category channel context traits
    properties integrations originalTimestamp sentAt receivedAt timestamp version rudderId

    active app build namespace campaign source medium term content device id advertisingId
    adTrackingEnabled manufacturer model token ip request_ip library locale location city country
    latitude longitude region speed network bluetooth carrier cellular wifi os page path referrer
    search title url keywords referring_domain initial_referrer tab_url screen density width height
    innerWidth innerHeight timezone userAgent userAgentData sessionId sessionStart externalId

    address street state postalCode zip age avatar birthday company employee_count industry plan
    createdAt description email firstName lastName gender phone username website employees
    logins

    affiliation brand cart_id checkout_id coupon currency discount image_url list_id order_id
    payment_method position price product_id products promotion_id quantity query revenue
    shipping shipping_method sku step subtotal tax total value variant wishlist_id
    """.split()  # noqa: SIM905 - a hundred words read better as words
)
"""Keys that the spec itself uses: showing one gives nothing away."""
