"""The event generator of the demo, the tests and the benchmarks.

Sessions of invented people on web pages, phones and servers run side by side, one event at a time:
anonymous at first, then identified, then with a user id and traits on every event; some people come
back on another device, some ids are aliased. The same arguments give the same bytes: all chance
comes from the seed, and time from an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

import orjson

from streamproc.canaries.planting import Tree, settle
from streamproc.demo.contexts import Device, Platform, device, new_id, page
from streamproc.demo.people import Person, invent
from streamproc.demo.records import Generated, spoil
from streamproc.demo.tracks import Scene, track

__all__ = ["Mix", "generate"]

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
EVENTS_PER_PERSON = 40
"""Population grows with the count, so that ids recur as often in a short run as in a long one."""
DUPLICATE_DELAY = 50
"""A duplicate follows its original after at most this many events."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What the events are mixed from.

    Attributes:
        malformed: Share of records that cannot become rows.
        duplicates: Share of records that come twice, byte for byte.
        sessions: Sessions that run side by side.
        start: Time of the first event.
    """

    malformed: float = 0.005
    duplicates: float = 0.0
    sessions: int = 24
    start: datetime = START


class Draft(NamedTuple):
    """An event without its message id and times."""

    kind: str
    fields: dict[str, Tree]
    skew: timedelta
    """How far the device's clock is ahead."""


def generate(count: int, seed: int, mix: Mix = Mix()) -> Iterator[Generated]:
    """Yield ``count`` records, duplicates among them; the same ones for the same arguments."""
    rng = Random(seed)  # noqa: S311 - test data, not secrets
    late: list[Generated] = []
    fresh = _records(rng, count, mix)
    for _ in range(count):
        if late and rng.random() < len(late) / DUPLICATE_DELAY:
            yield late.pop(0)
            continue
        record = next(fresh)
        if rng.random() < mix.duplicates:
            late.append(record)
        yield record


def _records(rng: Random, count: int, mix: Mix) -> Iterator[Generated]:
    people = [invent(rng, number) for number in range(max(8, count // EVENTS_PER_PERSON))]
    running = [_session(rng, people) for _ in range(mix.sessions)]
    now = mix.start
    while True:
        now += timedelta(milliseconds=rng.randint(20, 900))
        place = rng.randrange(len(running))
        draft = next(running[place], None)
        if draft is None:
            running[place] = _session(rng, people)
            continue
        record = _record(rng, draft, now)
        yield spoil(rng, record) if rng.random() < mix.malformed else record


def _session(rng: Random, people: list[Person]) -> Iterator[Draft]:
    platform: Platform = rng.choices(("web", "mobile", "server"), (60, 30, 10))[0]
    return _Visit(rng, rng.choice(people), device(rng, platform)).events()


class _Visit:
    """One session: what its events have in common, and what becomes known on its way."""

    def __init__(self, rng: Random, person: Person, on: Device) -> None:
        self.rng, self.person, self.device = rng, person, on
        # Most clocks are right to a second, the others wrong by up to two hours.
        seconds = rng.gauss(0, 1) if rng.random() < 0.8 else rng.uniform(-7200, 7200)
        self.skew = timedelta(seconds=seconds)
        # A server knows whom it serves; a browser remembers some.
        self.known = on.platform == "server" or rng.random() < 0.25
        self.traits = _context_traits(rng, person)

    def events(self) -> Iterator[Draft]:
        """Yield the session's events in order."""
        length = self.rng.randint(6, 40)
        signs_in = self.rng.randint(1, 6) if self.rng.random() < 0.8 else length
        for place in range(length):
            if place == signs_in and not self.known:
                yield from self._sign_in()
            yield self._next(place)

    def _sign_in(self) -> Iterator[Draft]:
        self.known = True
        yield self._draft("identify", {"traits": _identify_traits(self.rng, self.person)})
        if self.rng.random() < 0.15:
            yield self._draft("alias", {"previousId": self.device.anonymous_id})
        if self.rng.random() < 0.25:
            company = self.person.company
            traits: dict[str, Tree] = {
                "name": company,
                "industry": "Retail",
                "employees": 120,
                "plan": "team",
            }
            yield self._draft("group", {"groupId": f"g_{company.lower()}", "traits": traits})

    def _next(self, place: int) -> Draft:
        views = 0.0 if self.device.platform == "server" else 1.0 if place == 0 else 0.25
        if self.rng.random() < views:
            return self._page() if self.device.platform == "web" else self._screen()
        named = self.known and "firstName" in self.traits
        event, properties = track(self.rng, Scene(self.person, self.device, named))
        return self._draft("track", {"event": event, "properties": properties})

    def _page(self) -> Draft:
        return self._draft("page", {"name": "Storefront"})

    def _screen(self) -> Draft:
        name = self.rng.choice(("Home", "Search", "Basket", "Settings"))
        return self._draft(
            "screen", {"name": name, "properties": {"variant": "b", "tab": name.lower()}}
        )

    def _draft(self, kind: str, fields: dict[str, Tree]) -> Draft:
        context: dict[str, Tree] = {**self.device.context, "ip": self.device.ip}
        if self.device.platform == "web":
            context["page"] = page(self.rng, self.person)
            if kind == "page":
                fields = {**fields, "properties": context["page"]}
        ids: dict[str, Tree] = {"channel": self.device.platform}
        if self.device.platform != "server":
            ids["anonymousId"] = self.device.anonymous_id
        if self.known:
            ids["userId"] = self.person.user_id
            if kind != "identify":
                context["traits"] = self.traits
        fields = {**ids, **fields, "context": context, "integrations": {"All": True}}
        return Draft(kind, fields, self.skew)


def _identify_traits(rng: Random, person: Person) -> dict[str, Tree]:
    city, state, postal_code, country = person.place
    traits: dict[str, Tree] = {
        "firstName": person.first,
        "lastName": person.last,
        "name": person.full,
        "email": person.email,
        "plan": rng.choice(("free", "team", "enterprise")),
        "createdAt": "2025-11-03T08:15:00.000Z",
        "company": {"name": person.company, "industry": "Retail", "employee_count": 120},
    }
    if rng.random() < 0.7:
        traits["phone"] = person.phone
    if rng.random() < 0.4:
        traits["birthday"] = person.birth_date
    if rng.random() < 0.6:
        traits["address"] = {
            "street": person.street,
            "city": city,
            "state": state,
            "postalCode": postal_code,
            "country": country,
        }
    return traits


def _context_traits(rng: Random, person: Person) -> dict[str, Tree]:
    traits: dict[str, Tree] = {"email": person.email, "plan": "team"}
    if rng.random() < 0.6:
        traits |= {"firstName": person.first, "lastName": person.last}
    if rng.random() < 0.3:
        traits["phone"] = person.phone
    return traits


def _record(rng: Random, draft: Draft, now: datetime) -> Generated:
    message_id = new_id(rng)
    waited, travelled = rng.uniform(0.01, 3), rng.uniform(0.02, 0.4)
    device_time = now + draft.skew
    event, planted = settle(
        {
            "type": draft.kind,
            "messageId": message_id,
            **draft.fields,
            "originalTimestamp": _iso(device_time),
            "sentAt": _iso(device_time + timedelta(seconds=waited)),
            "receivedAt": _iso(now + timedelta(seconds=waited + travelled)),
            "timestamp": _iso(now + timedelta(seconds=travelled)),
        },
        message_id,
    )
    assert isinstance(event, dict)
    key = event.get("anonymousId") or event["userId"]
    return Generated(orjson.dumps(event), str(key).encode(), message_id, planted)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
