from collections.abc import Sequence

import pytest

from streamproc.events import Micros, Origin, Record
from streamproc.hot_keys import LEAST_EVENTS, WINDOW_SECONDS, Clock, HotKey, HotKeys

HOT = b"bot@example.com"


class Watch:
    """A clock that tests set, and the hot keys that look at it."""

    def __init__(self, share: float = 0.2) -> None:
        self.clock = Clock(0.0, 0.0)
        self.keys = HotKeys(share, lambda: self.clock)

    def minute(self, batches: Sequence[Sequence[Record]], used: float = 0.0) -> Sequence[HotKey]:
        """Let a minute pass in which ``batches`` come, the last at its end."""
        for batch in batches[:-1]:
            assert self.keys.look(batch) == ()
        self.clock = Clock(self.clock.now + WINDOW_SECONDS, self.clock.used + used)
        return self.keys.look(batches[-1])


def batch(partition: int, hot: int, others: int) -> list[Record]:
    keys = [HOT] * hot + [b"user-%d" % number for number in range(others)]
    return [
        Record(Origin("raw", partition, offset), key, b"{}", Micros(0))
        for offset, key in enumerate(keys)
    ]


def test_a_key_with_much_of_its_partition_is_told_at_the_end_of_the_window() -> None:
    watch = Watch()
    quiet = [batch(0, 0, 500)] * 6
    (found,) = watch.minute([*quiet, *[batch(1, 200, 300)] * 4], used=30.0)
    assert (found.topic, found.partition, found.key, found.events) == ("raw", 1, HOT, 800)
    assert found.share == pytest.approx(0.4)
    assert found.process_share == pytest.approx(0.5 * 800 / 5_000)
    assert watch.keys.busiest_share() == pytest.approx(800 / 5_000)


def test_a_key_with_less_is_not_told() -> None:
    watch = Watch()
    assert watch.minute([batch(0, 99, 401)] * 4) == []
    assert watch.keys.busiest_share() == pytest.approx(0.198)


def test_a_key_that_takes_much_of_what_a_process_can_do_is_told_whatever_its_share() -> None:
    watch = Watch(share=0.15)
    (found,) = watch.minute([batch(0, 50, 450)] * 4, used=2 * WINDOW_SECONDS)
    assert found.share == pytest.approx(0.1)
    assert found.process_share == pytest.approx(0.2)


def test_a_partition_with_few_events_says_nothing() -> None:
    assert Watch().minute([batch(0, LEAST_EVENTS - 1, 0)]) == []
    assert len(Watch().minute([batch(0, LEAST_EVENTS, 0)])) == 1


def test_a_key_is_told_again_only_after_a_while() -> None:
    watch = Watch()
    told = [len(watch.minute([batch(0, 400, 100)] * 4)) for _ in range(12)]
    assert told == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]


def test_records_without_a_key_are_nobodys() -> None:
    watch = Watch()
    without = [Record(Origin("raw", 0, n), None, b"{}", Micros(0)) for n in range(LEAST_EVENTS)]
    assert watch.minute([without]) == []


def test_nothing_is_kept_of_partitions_that_went_to_others() -> None:
    watch = Watch()
    watch.minute([*[batch(0, 500, 0)] * 4, *[batch(1, 500, 0)] * 4])
    watch.keys.look(batch(0, 500, 0))
    watch.keys.look(batch(1, 500, 0))
    watch.keys.keep({("raw", 1)})
    assert watch.keys._seen.keys() == {("raw", 1)}
    assert {place for place, _ in watch.keys._told} == {("raw", 1)}


def test_what_was_long_ago_is_no_share_of_today() -> None:
    watch = Watch()
    watch.minute([batch(0, 500, 0)] * 4)
    watch.clock = Clock(watch.clock.now + 3 * WINDOW_SECONDS, 0.0)
    assert watch.keys.busiest_share() == 0.0


def test_a_hot_key_does_not_show_the_key() -> None:
    (found,) = Watch().minute([batch(0, 500, 0)] * 4)
    assert HOT.decode() not in repr(found)
