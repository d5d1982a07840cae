from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from streamproc.decode import Limits, decode
from streamproc.enrich.enricher import Enricher
from streamproc.enrich.options import GeoOptions, Options, ReferrerOptions, UserAgentOptions
from streamproc.errors import ConfigError
from streamproc.events import Event, Micros, Origin, Record

SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"
)


def event(context: Any, **more: Any) -> Event:
    body = {"type": "track", "event": "Seen", "userId": "u-1", "context": context} | more
    record = Record(Origin("raw", 0, 0), None, orjson.dumps(body), Micros(1_000_000))
    return decode(record, Limits(100_000, 20, 10_000))


def enriched(options: Options, context: Any, **more: Any) -> Any:
    made = Enricher(options).enrich(event(context, **more))
    assert orjson.loads(made.raw) == made.body, "what redaction counts words in is the event"
    return made.body["context"]


@pytest.fixture
def places(tmp_path: Path) -> Path:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Example-City")
    place = {
        "country": {"iso_code": "NL", "names": {"en": "Netherlands"}},
        "subdivisions": [{"iso_code": "NH", "names": {"en": "North Holland"}}],
        "city": {"names": {"en": "Amsterdam"}},
    }
    writer.insert_network(IPSet(["203.0.113.0/24"]), place)
    writer.insert_network(IPSet(["2001:db8::/64"]), {"country": {"iso_code": "DE"}})
    file = tmp_path / "places.mmdb"
    writer.to_db_file(str(file))
    return file


# -- user agents ----------------------------------------------------------------------------------


def test_a_user_agent_becomes_browser_system_and_device_and_goes() -> None:
    assert enriched(Options(user_agent=UserAgentOptions()), {"userAgent": SAFARI}) == {
        "browser": {"name": "Mobile Safari", "version": "17"},
        "os": {"name": "iOS", "version": "17.2"},
        "device": {"manufacturer": "Apple", "model": "iPhone"},
    }


def test_a_user_agent_stays_where_it_is_wanted() -> None:
    made = enriched(Options(user_agent=UserAgentOptions(keep=True)), {"userAgent": SAFARI})
    assert made["userAgent"] == SAFARI


def test_what_a_producer_says_itself_stays() -> None:
    said = {"userAgent": SAFARI, "os": {"name": "visionOS"}, "device": "a phone", "browser": None}
    made = enriched(Options(user_agent=UserAgentOptions()), said)
    assert made["os"] == {"name": "visionOS", "version": "17.2"}
    assert made["device"] == "a phone"
    assert made["browser"] == {"name": "Mobile Safari", "version": "17"}


@pytest.mark.parametrize("agent", [None, 7, "", "nobody knows this", "x" * 5_000, ["a"], {}])
def test_a_user_agent_that_is_none_adds_nothing(agent: Any) -> None:
    made = enriched(Options(user_agent=UserAgentOptions()), {"userAgent": agent, "kept": 1})
    assert made.keys() <= {"kept", "userAgent"}


# -- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", {"country": "NL", "region": "NH"}),
        ("2001:db8::1", {"country": "DE"}),
        ("198.51.100.1", None),
        ("192.168.0.1", None),
        ("no address", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_an_address_becomes_codes_of_country_and_region(
    places: Path, address: Any, expected: Any
) -> None:
    made = enriched(Options(geo=GeoOptions(file=places)), {"ip": address})
    assert made.get("location") == expected
    assert made["ip"] == address


def test_a_city_is_told_where_it_is_asked_for(places: Path) -> None:
    made = enriched(Options(geo=GeoOptions(file=places, fields=("city",))), {"ip": "203.0.113.7"})
    assert made["location"] == {"city": "Amsterdam"}


def test_a_database_that_is_missing_or_none_is_a_problem(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.mmdb"
    wrong.write_text("not a database")
    for file, problem in ((tmp_path / "missing.mmdb", "cannot be read"), (wrong, "MaxMind")):
        with pytest.raises(ConfigError, match=problem):
            Enricher(Options(geo=GeoOptions(file=file)))


# -- campaigns ------------------------------------------------------------------------------------

URL = "https://example.com/?utm_source=letter&utm_medium=email&utm_campaign=a+b&utm_term=&x=1"


@pytest.mark.parametrize(
    "page", [{"url": URL}, {"url": URL, "search": "?utm_source=other"}, {"search": URL[20:]}]
)
def test_a_campaign_is_read_out_of_the_page(page: Any) -> None:
    made = enriched(Options(campaign=True), {"page": page})
    assert made["campaign"] == {"source": "letter", "medium": "email", "name": "a b"}


def test_a_campaign_is_read_out_of_a_page_events_properties() -> None:
    made = enriched(Options(campaign=True), {}, type="page", properties={"url": URL})
    assert made["campaign"]["source"] == "letter"


@pytest.mark.parametrize(
    "url",
    ["https://[example.com/?utm_source=a", "https://example.com/?" + "utm_a=1&" * 1_000, "", 7],
)
def test_a_url_that_is_none_or_hostile_adds_no_campaign(url: Any) -> None:
    assert "campaign" not in enriched(Options(campaign=True), {"page": {"url": url}})


# -- referrers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("https://www.google.co.uk/", "search", "google"),
        ("https://mail.google.com/mail/u/0/", "email", "google"),
        ("https://gemini.google.com/app", "assistant", "google"),
        ("https://search.brave.com/search?q=x", "search", "brave"),
        ("https://l.facebook.com/l.php", "social", "facebook"),
        ("https://t.co/abc", "social", "t"),
        ("https://docs.example.com/page", "internal", None),
        ("https://partner.example.net/", "internal", None),
        ("https://blog.example.org/", "other", None),
        ("https://notfacebook.com/", "other", None),
        ("http://192.0.2.1/", "other", None),
    ],
)
def test_a_referrer_has_a_kind(url: str, kind: str, name: str | None) -> None:
    options = Options(referrer=ReferrerOptions(internal=("example.net",)))
    page = {"url": "https://www.example.com/here", "referrer": url}
    expected = {"type": kind} if name is None else {"type": kind, "name": name}
    assert enriched(options, {"page": page})["referrer"] == expected


@pytest.mark.parametrize("url", ["", "https://[", "mailto:x@example.com", 7, None, "a" * 10_000])
def test_a_referrer_that_is_none_adds_nothing(url: Any) -> None:
    made = enriched(Options(referrer=ReferrerOptions()), {"page": {"referrer": url}})
    assert "referrer" not in made


# -- all ------------------------------------------------------------------------------------------


def test_an_event_without_context_is_left_as_it_is() -> None:
    options = Options(user_agent=UserAgentOptions(), campaign=True, referrer=ReferrerOptions())
    given = event(None)
    assert Enricher(options).enrich(given) is given


def test_an_enrichment_that_fails_costs_its_fields_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = MMDBWriter(database_type="Odd")
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country": "not an object"})
    odd = tmp_path / "odd.mmdb"
    writer.to_db_file(str(odd))
    enricher = Enricher(Options(user_agent=UserAgentOptions(), geo=GeoOptions(file=odd)))
    for _ in range(3):
        made = enricher.enrich(event({"ip": "203.0.113.7", "userAgent": SAFARI}))
        assert made.body["context"].keys() == {"ip", "browser", "os", "device"}  # type: ignore[union-attr]
    assert enricher.failed == {"geo": 3}
    told = capsys.readouterr()
    assert "203.0.113.7" not in told.out + told.err


def test_options_and_data_are_told_apart_by_fingerprint(places: Path) -> None:
    some = [
        Options(),
        Options(campaign=True),
        Options(geo=GeoOptions(file=places)),
        Options(geo=GeoOptions(file=places, fields=("city",))),
        Options(user_agent=UserAgentOptions()),
        Options(user_agent=UserAgentOptions(keep=True)),
    ]
    assert len({Enricher(options).fingerprint for options in some}) == len(some)
