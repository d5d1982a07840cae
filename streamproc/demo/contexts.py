"""The ``context`` of an event as the SDKs of the web, of phones and of servers write it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from streamproc.canaries.planting import Personal, Tree, in_url
from streamproc.demo.people import Person, ip_address

__all__ = ["Device", "Platform", "device", "page"]

Platform: TypeAlias = Literal["web", "mobile", "server"]

SITE = "https://app.example.com"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
BROWSERS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK}",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Mobile/15E148",
)
PHONES = (
    ("Apple", "iPhone15,2", "iPhone", "ios", "iOS", "17.5.1"),
    ("Google", "Pixel 8", "shiba", "android", "Android", "14"),
    ("samsung", "SM-S921B", "e1s", "android", "Android", "14"),
)
ZONES = ("America/New_York", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Africa/Lagos")
LOCALES = ("en-US", "en-GB", "de-DE", "fr-FR", "pt-BR", "hi-IN")
CARRIERS = ("Example Mobile", "Example Wireless", "Example Cell")
CAMPAIGNS = ("spring_sale", "onboarding", "webinar_q2", "retargeting")
PAGES = (
    ("/", "Home"),
    ("/pricing", "Pricing"),
    ("/products/canvas-backpack", "Canvas Backpack"),
    ("/products/steel-bottle", "Steel Bottle"),
    ("/docs/getting-started", "Getting Started"),
    ("/cart", "Your Cart"),
    ("/blog/release-notes", "Release Notes"),
)
ACCOUNT_PAGES = (
    ("/unsubscribe?email={email}&list=weekly", "Unsubscribe"),
    ("/users/{email}/orders", "Your Orders"),
    ("/confirm?step=2&contact={email}#done", "Confirm Your Address"),
)


@dataclass(frozen=True, slots=True)
class Device:
    """One installation of an SDK: what all events of a session have in common."""

    platform: Platform
    anonymous_id: str
    ip: Personal
    context: dict[str, Tree]


def device(rng: Random, platform: Platform) -> Device:
    """Return a new device, with an anonymous id of its own."""
    build = {"web": _web, "mobile": _mobile, "server": _server}[platform]
    return Device(platform, new_id(rng), ip_address(rng), build(rng))


def new_id(rng: Random) -> str:
    """Return a random UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def page(rng: Random, person: Person) -> dict[str, Tree]:
    """Return ``context.page`` as analytics.js fills it; one in eight URLs names the person."""
    path, title = rng.choice(ACCOUNT_PAGES if rng.random() < 0.125 else PAGES)
    bare, _, rest = path.partition("?")
    search = f"?{rest.partition('#')[0]}" if rest else ""
    email = person.email
    if "{email}" not in path:
        return _page(path, f"{SITE}{path}", "", title)
    return _page(
        in_url(bare, email=email) if "{email}" in bare else bare,
        in_url(f"{SITE}{path}", email=email),
        in_url(search, email=email) if search else "",
        title,
    )


def _page(path: Tree, url: Tree, search: Tree, title: str) -> dict[str, Tree]:
    return {
        "path": path,
        "url": url,
        "tab_url": url,
        "search": search,
        "title": f"{title} | Example Store",
        "referrer": "$direct",
        "referring_domain": "",
        "initial_referrer": "https://search.example.net/",
        "initial_referring_domain": "search.example.net",
    }


def _web(rng: Random) -> dict[str, Tree]:
    context: dict[str, Tree] = {
        "app": {"name": "Storefront", "namespace": "com.example.store", "version": "3.18.2"},
        "library": {"name": "analytics.js", "version": "3.4.1"},
        "userAgent": rng.choice(BROWSERS),
        "locale": rng.choice(LOCALES),
        "timezone": rng.choice(ZONES),
        "screen": {
            "width": 1512,
            "height": 982,
            "density": 2,
            "innerWidth": rng.randint(900, 1500),
        },
        "os": {"name": "", "version": ""},
        "sessionId": rng.randint(1_700_000_000_000, 1_799_999_999_999),
    }
    if rng.random() < 0.5:
        name = rng.choice(CAMPAIGNS)
        context["campaign"] = {"name": name, "source": "newsletter", "medium": "email", "term": ""}
    return context


def _mobile(rng: Random) -> dict[str, Tree]:
    maker, model, name, kind, system, version = rng.choice(PHONES)
    return {
        "app": {
            "build": str(rng.randint(900, 999)),
            "name": "Example Shop",
            "namespace": "com.example.shop",
            "version": "7.2.0",
        },
        "device": {
            "id": new_id(rng),
            "manufacturer": maker,
            "model": model,
            "name": name,
            "type": kind,
            "attTrackingStatus": 2,
        },
        "library": {"name": "rudder-mobile", "version": "1.25.0"},
        "locale": rng.choice(LOCALES),
        "network": {
            "carrier": rng.choice(CARRIERS),
            "bluetooth": False,
            "cellular": True,
            "wifi": True,
        },
        "os": {"name": system, "version": version},
        "screen": {"density": 3, "width": 1179, "height": 2556},
        "timezone": rng.choice(ZONES),
        "userAgent": f"Example Shop/7.2.0 ({model}; {system} {version})",
        "sessionId": rng.randint(1_700_000_000_000, 1_799_999_999_999),
    }


def _server(rng: Random) -> dict[str, Tree]:
    return {
        "library": {"name": "analytics-python", "version": "2.3.3"},
        "app": {"name": rng.choice(("billing", "fulfilment", "support")), "version": "2026.1"},
        "host": {"name": f"worker-{rng.randint(1, 40):02}", "region": "us-east-2"},
        "timezone": "UTC",
    }
