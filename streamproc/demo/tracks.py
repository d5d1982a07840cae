"""What people do: the ``event`` and ``properties`` of track events.

Each builder returns one kind of event; :data:`BUILDERS` is all of them, with how often each comes.
A name is put into free text only where the same event carries it in a field of its own: finding the
name of somebody the event does not otherwise mention is a matter of the language model's recall,
which accuracy tests measure, not of anything leaking through the machinery.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from streamproc.canaries.planting import Personal, Tree, in_text, in_url
from streamproc.demo.contexts import Device
from streamproc.demo.people import Person, invent, ip_address

__all__ = ["Scene", "Track", "track"]

Properties: TypeAlias = dict[str, Tree]
Track: TypeAlias = tuple[str, Properties]

GUESTS = 400
"""How many other people there are to invite; their numbers follow those of the customers."""
FIRST_GUEST = 500_000

PRODUCTS = (
    ("P-1001", "Canvas Backpack", "Bags", 74.5),
    ("P-1002", "Steel Bottle", "Kitchen", 19.0),
    ("P-1003", "Desk Lamp", "Office", 42.25),
    ("P-1004", "Wool Blanket", "Home", 88.0),
    ("P-1005", "Notebook Set", "Office", 12.75),
    ("P-1006", "Trail Shoes", "Sport", 119.9),
)
QUERIES = (
    "waterproof backpack",
    "gift under 50",
    "desk lamp warm light",
    "refund policy",
    "size 42",
)
FEEDBACK = (
    "Love the new dashboard, the export is so much faster now.",
    "The checkout froze twice on my tablet before it went through.",
    "Could you bring back the compact view? The new one wastes space.",
    "Delivery took nine days, the packaging was damaged but the lamp works.",
)
ANONYMOUS_NOTES = (
    "Please reply to {email}, the order never arrived.",
    "Call me back on {phone} after six, thanks.",
    "I cannot sign in with {email} any more, the reset mail does not come.",
)
NAMED_NOTES = (
    "Hi, this is {full}. My parcel is late; reach me at {email} or {phone}.",
    "{first} here again: the invoice should go to {email}.",
    "The delivery is for Ms {last}, please ring {phone} first.",
    "For the record my SSN is {ssn} and the account is in the name of {full}.",
)
ERRORS = (
    "No account for {email} in this region",
    "Blocked sign-in of {email} from {ip}",
    "Could not send the code to {phone}: carrier refused",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Who does it, on what, and whether the event says their name elsewhere too."""

    person: Person
    device: Device
    named: bool


Builder: TypeAlias = Callable[[Random, Scene], Track]


def track(rng: Random, scene: Scene) -> Track:
    """Return the event name and the properties of the next thing that happens."""
    build = rng.choices(list(BUILDERS), weights=list(BUILDERS.values()))[0]
    return build(rng, scene)


def _product(rng: Random, place: int) -> dict[str, Tree]:
    sku, name, category, price = rng.choice(PRODUCTS)
    return {
        "product_id": sku,
        "sku": f"{sku}-{rng.choice('SML')}",
        "name": name,
        "category": category,
        "brand": "Example Goods",
        "price": price,
        "quantity": rng.randint(1, 3),
        "position": place,
        "currency": "USD",
        "url": f"https://app.example.com/products/{sku.lower()}",
    }


def _viewed(rng: Random, _scene: Scene) -> Track:
    return "Product Viewed", _product(rng, rng.randint(1, 20))


def _clicked(rng: Random, _scene: Scene) -> Track:
    label = rng.choice(("Add to cart", "Compare", "Read more", "Start trial"))
    return "Button Clicked", {"label": label, "section": rng.choice(("hero", "footer", "sidebar"))}


def _searched(rng: Random, scene: Scene) -> Track:
    if rng.random() < 0.15:
        return "Products Searched", {"query": scene.person.email, "results": 0, "source": "header"}
    query = rng.choice(QUERIES)
    return "Products Searched", {"query": query, "results": rng.randint(0, 80), "source": "header"}


def _ordered(rng: Random, scene: Scene) -> Track:
    person = scene.person
    city, state, postal_code, country = person.place
    order: Properties = {
        "order_id": f"ORD-{rng.randint(10_000, 99_999)}",
        "checkout_id": f"chk_{rng.getrandbits(48):012x}",
        "total": round(rng.uniform(12, 640), 2),
        "currency": "USD",
        "coupon": rng.choice(("", "SPRING10", "WELCOME")),
        "products": [_product(rng, place) for place in range(1, rng.randint(2, 4))],
        "shipping": {
            "first_name": person.first,
            "last_name": person.last,
            "street": person.street,
            "city": city,
            "state": state,
            "postal_code": postal_code,
            "country": country,
            "phone": person.phone,
        },
    }
    if rng.random() < 0.4:
        order["payment"] = {"method": "card", "card_number": person.card, "installments": 1}
    return "Order Completed", order


def _submitted(rng: Random, scene: Scene) -> Track:
    person = scene.person
    if rng.random() < 0.5:
        fields: Tree = [
            {"name": "contact", "type": "text", "value": person.email},
            {"name": "callback", "type": "text", "value": person.phone},
            {"name": "topic", "type": "select", "value": rng.choice(("sales", "support", "press"))},
        ]
        return "Form Submitted", {"form": "contact", "fields": fields}
    return "Form Submitted", {
        "form": "profile",
        "email": person.email,
        "firstName": person.first,
        "lastName": person.last,
        "dateOfBirth": person.birth_date,
        "message": rng.choice(FEEDBACK),
    }


def _said(rng: Random, scene: Scene) -> Track:
    if rng.random() < 0.4:
        return "Feedback Sent", {"rating": rng.randint(1, 5), "comment": rng.choice(FEEDBACK)}
    return "Feedback Sent", {"rating": rng.randint(1, 5), "comment": _note(rng, scene)}


def _opened(rng: Random, scene: Scene) -> Track:
    return "Ticket Opened", {
        "ticket_id": f"T-{rng.randint(1000, 9999)}",
        "channel": rng.choice(("chat", "mail", "widget")),
        "priority": rng.choice(("low", "normal", "high")),
        "description": _note(rng, scene),
        "tags": ["billing", rng.choice(("refund", "delivery", "account"))],
    }


def _invited(rng: Random, _scene: Scene) -> Track:
    guests = [_guest(rng) for _ in range(rng.randint(1, 3))]
    roles: dict[str | Personal, Tree] = {
        guest.email: rng.choice(("viewer", "editor")) for guest in guests
    }
    return "Invite Sent", {
        "team_size": rng.randint(2, 40),
        "recipients": [guest.email for guest in guests],
        "roles": roles,
    }


def _scheduled(rng: Random, scene: Scene) -> Track:
    guest = _guest(rng)
    return "Meeting Scheduled", {
        "title": "Product walkthrough",
        "duration_minutes": rng.choice((15, 30, 45)),
        "attendees": [
            {"email": scene.person.email, "role": "host"},
            {
                "email": guest.email,
                "firstName": guest.first,
                "lastName": guest.last,
                "role": "guest",
            },
        ],
    }


def _failed(rng: Random, scene: Scene) -> Track:
    address = ip_address(rng)
    values = {"email": scene.person.email, "phone": scene.person.phone, "ip": address}
    template = rng.choice(ERRORS)
    used = {name: value for name, value in values.items() if f"{{{name}}}" in template}
    return "Error Shown", {
        "code": rng.choice(("E_AUTH", "E_REGION", "E_CODE")),
        "message": in_text(template, **used),
        "retry_url": in_url(
            "https://app.example.com/retry?login={email}", email=scene.person.email
        ),
        "client_ip": address,
    }


def _paid_out(rng: Random, scene: Scene) -> Track:
    return "Payout Requested", {
        "amount": round(rng.uniform(20, 900), 2),
        "currency": "EUR",
        "iban": scene.person.iban,
        "note": in_text("Please transfer to {iban} as before", iban=scene.person.iban),
        "taxpayer": {"ssn": scene.person.ssn, "country": "US"},
    }


BUILDERS: dict[Builder, float] = {
    _viewed: 26,
    _clicked: 20,
    _searched: 12,
    _ordered: 9,
    _submitted: 7,
    _said: 7,
    _opened: 5,
    _invited: 4,
    _scheduled: 4,
    _failed: 4,
    _paid_out: 2,
}


def _note(rng: Random, scene: Scene) -> Tree:
    person = scene.person
    template = rng.choice(NAMED_NOTES if scene.named else ANONYMOUS_NOTES)
    values = {
        "full": person.full,
        "first": person.first,
        "last": person.last,
        "email": person.email,
        "phone": person.phone,
        "ssn": person.ssn,
    }
    used = {name: value for name, value in values.items() if f"{{{name}}}" in template}
    return in_text(template, **used)


def _guest(rng: Random) -> Person:
    number = FIRST_GUEST + rng.randrange(GUESTS)
    # Seeded by the number, so that a guest is the same person at every meeting.
    return invent(Random(number), number)  # noqa: S311 - test data, not secrets
