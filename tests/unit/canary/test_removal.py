from __future__ import annotations

from collections.abc import Iterable

import pytest

from streamproc.canaries import KINDS, PLACES, Canary, Recipe, hatch
from streamproc.canary.removal import Removals
from streamproc.errors import RetryableError
from streamproc.events import Deletion, Micros, RedactedBody
from streamproc.warehouse.rows import LoadedRow

CANARY = hatch(Recipe(b"s" * 32, people=1, places=PLACES, kinds=KINDS), bytes(8))
TOKEN = "tok_k1_" + "a" * 32


def row(user: str | None, device: str | None, at: int = 1, identity: str = TOKEN) -> LoadedRow:
    moments = (None, None, Micros(at), Micros(at))
    ids = (user, device, identity, None, "user_id", None)
    body = RedactedBody({})
    return LoadedRow("m", "track", None, *ids, *moments, body, "[]", "f", "t", 0, 0, "[]", False)


def published(*rows: LoadedRow, canary: Canary = CANARY) -> list[Deletion]:
    removals, found = Removals(), list[Deletion]()
    for each in rows:
        removals.add(canary, each)
    removals.publish(found.extend)
    return found


def test_rows_are_deleted_by_their_own_ids_up_to_when_the_last_was_received() -> None:
    user, device = CANARY.ids
    found = published(row(user, device, at=5), row(user, device, at=9), row(user, device, at=7))
    assert found == [Deletion(user, Micros(9), "canaries"), Deletion(device, Micros(9), "canaries")]


def test_the_identity_that_a_row_was_taken_for_is_left_alone() -> None:
    other = "tok_k1_" + "b" * 32
    assert [each.token for each in published(row(TOKEN, None, identity=other))] == [TOKEN]


def test_what_rules_put_in_the_place_of_ids_may_be_everybodys() -> None:
    assert not Removals().add(CANARY, row("<REDACTED>", None))
    assert published(row("<REDACTED>", "someone else's device")) == []


def test_what_was_not_published_is_published_the_next_time() -> None:
    def fail(_deletions: Iterable[Deletion]) -> None:
        raise RetryableError("brokers are away")

    removals, found = Removals(), list[Deletion]()
    removals.add(CANARY, row(TOKEN, None))
    with pytest.raises(RetryableError):
        removals.publish(fail)
    assert removals.publish(found.extend) == 1
    assert removals.publish(found.extend) == 0
    assert [each.token for each in found] == [TOKEN]
