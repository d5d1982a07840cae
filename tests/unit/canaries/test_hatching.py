from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from streamproc.canaries import (
    EVENT,
    KINDS,
    PLACES,
    Finder,
    Place,
    Recipe,
    hatch,
    known_again,
    nonce_of,
)

RECIPE = Recipe(b"s" * 32, people=4, places=PLACES, kinds=KINDS)
TRACK, IDENTIFY = bytes(8), bytes(7) + b"\1"


def nonces(count: int) -> list[bytes]:
    return [number.to_bytes(8) for number in range(count)]


def test_the_same_nonce_makes_the_same_canary() -> None:
    assert hatch(RECIPE, TRACK) == hatch(RECIPE, TRACK)


def test_a_canary_is_known_again_by_its_message_id() -> None:
    made = hatch(RECIPE, TRACK)
    assert known_again(RECIPE, made.message_id) == made
    assert known_again(replace(RECIPE, secret=b"t" * 32), made.message_id) is None


def test_every_second_canary_is_an_identify_event() -> None:
    assert orjson.loads(hatch(RECIPE, TRACK).value)["type"] == "track"
    assert orjson.loads(hatch(RECIPE, TRACK).value)["event"] == EVENT
    assert orjson.loads(hatch(RECIPE, IDENTIFY).value)["type"] == "identify"


def test_what_is_planted_is_in_the_event() -> None:
    for nonce in nonces(20):
        made = hatch(RECIPE, nonce)
        assert made.planted
        assert set(Finder(made.planted).find(made.value)) >= set(made.unmistakable)


def test_unmistakable_values_are_of_one_canary_but_for_the_trait_that_names_its_person() -> None:
    seen: dict[str, str] = {}
    for nonce in nonces(400):
        for planted in hatch(RECIPE, nonce).unmistakable:
            if not planted.path.endswith("traits.email"):
                assert seen.setdefault(planted.value, planted.message_id) == planted.message_id
    assert len(seen) > 1_000


def test_ids_and_the_trait_that_names_a_person_are_those_of_a_few_people() -> None:
    events = [orjson.loads(hatch(RECIPE, nonce).value) for nonce in nonces(200)]
    traits = [event.get("traits") or event["context"]["traits"] for event in events]
    assert len({event["userId"] for event in events}) == 4
    assert len({event["anonymousId"] for event in events}) == 4
    assert len({each["email"] for each in traits}) == 4
    linked = {
        (event["userId"], event["anonymousId"], each["email"])
        for event, each in zip(events, traits, strict=True)
    }
    assert len(linked) == 4


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_place_can_be_had_alone(place: Place) -> None:
    made = hatch(replace(RECIPE, places=frozenset({place})), TRACK)
    paths = {each.path for each in made.planted if each.path != "context.ip"}
    roots = {path.rpartition(".")[0].partition("[")[0] for path in paths}
    assert len(roots) == 1
    assert any(each.kind == "email" for each in made.planted)


def test_values_do_not_change_with_the_places_that_are_wanted() -> None:
    fewer = hatch(replace(RECIPE, places=frozenset({"prose", "url"})), TRACK)
    assert set(fewer.planted) <= set(hatch(RECIPE, TRACK).planted)


def test_kinds_that_are_not_wanted_are_not_looked_for() -> None:
    made = hatch(replace(RECIPE, kinds=frozenset({"email"})), TRACK)
    assert {each.kind for each in made.planted} == {"email"}


def test_the_nonce_is_in_the_message_id() -> None:
    assert nonce_of(RECIPE.secret, hatch(RECIPE, IDENTIFY).message_id) == IDENTIFY


def test_nothing_of_a_canary_or_its_recipe_is_in_its_repr() -> None:
    made = hatch(RECIPE, TRACK)
    shown = repr(made) + repr(RECIPE)
    assert "ssss" not in shown
    assert not Finder(made.planted).find(shown.encode())
