from streamproc.detect.memo import Memo


def test_memo_answers_what_it_was_told() -> None:
    memo: Memo[str, int] = Memo(4)
    memo.put("a", 1)
    assert (memo.get("a"), memo.get("b")) == (1, None)
    assert (memo.hits, memo.misses) == (1, 1)


def test_memo_never_holds_more_than_its_entries() -> None:
    memo: Memo[int, int] = Memo(10)
    for number in range(1000):
        memo.put(number, number)
        assert len(memo) <= 10


def test_memo_keeps_what_is_asked_for_and_drops_what_is_not() -> None:
    memo: Memo[int, int] = Memo(4)
    memo.put(-1, -1)
    for number in range(100):
        memo.put(number, number)
        assert memo.get(-1) == -1
    assert memo.get(0) is None


def test_memo_of_no_entries_remembers_nothing() -> None:
    memo: Memo[str, int] = Memo(0)
    memo.put("a", 1)
    assert memo.get("a") is None
