from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streamproc.hot_keys import SLACK, FrequentKeys

KEYS = st.integers(0, 60).map(lambda number: b"%d" % number)
BATCHES = st.lists(st.lists(KEYS, max_size=80), max_size=20)


@given(BATCHES, st.integers(1, 8))
def test_the_most_frequent_key_is_counted_within_the_bound(
    batches: list[list[bytes]], counters: int
) -> None:
    frequent, exact = FrequentKeys(counters), Counter[bytes]()
    for batch in batches:
        counted = Counter(batch)
        frequent.add(counted)
        exact.update(counted)
    error = exact.total() // (counters + 1)
    found = frequent.most()
    if found is None:
        assert not exact or exact.most_common(1)[0][1] <= error
    else:
        key, count = found
        assert exact[key] - error <= count <= exact[key]
        assert count >= exact.most_common(1)[0][1] - error


@given(BATCHES, st.integers(1, 8))
def test_memory_is_bounded_however_many_keys_there_are(
    batches: list[list[bytes]], counters: int
) -> None:
    frequent = FrequentKeys(counters)
    for batch in batches:
        frequent.add(Counter(batch))
        assert len(frequent._counts) <= SLACK * counters
