from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from streamproc.events import Micros
from streamproc.warehouse.loading.linked import find_linked
from streamproc.warehouse.sink import Together

USES = st.tuples(st.sampled_from(["ada", "bob", "cyd", None]), st.sampled_from(["x", "y", "z"]))


@given(st.lists(USES, max_size=10))
def test_nobody_elses_events_go_whoever_shares_devices(uses: list[tuple[str | None, str]]) -> None:
    rows = [
        Together(user, device, user or device, Micros(at), 1)
        for at, (user, device) in enumerate(uses)
    ]

    def ask(tokens: Collection[str]) -> list[Together]:
        return [row for row in rows if {*tokens} & {*row[:3]}]

    gone = find_linked(["ada"], ask).tokens | {"ada"}
    assert {row.user_id for row in rows if gone & {*row[:3]}} <= {"ada", None}
    used_by = {device: {user for user, used in uses if used == device} for _, device in uses}
    own = {device for device, users in used_by.items() if users - {None} == {"ada"}}
    assert gone == own | {"ada"}
