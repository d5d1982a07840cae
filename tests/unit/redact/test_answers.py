from __future__ import annotations

from streamproc.events import Finding
from streamproc.redact.answers import NOTHING, Answer, Memo, Rewritten, Table

FOUND = Answer((Finding(0, 4, "PERSON", 0.9, "Literal"),))


def known(table: Table, value: object) -> object:
    answer = table.young.get(value)
    return table.known(value) if answer is None else answer


def test_a_table_answers_what_it_was_told() -> None:
    table = Memo(10).table("field")
    table.put("Jane", FOUND)
    table.put("none", NOTHING)

    assert known(table, "Jane") is FOUND
    assert known(table, "none") is NOTHING
    assert known(table, "new") is None


def test_in_an_empty_text_there_is_nothing() -> None:
    assert Memo(10).table("field").young[""] is NOTHING


def test_all_tables_together_hold_no_more_than_they_may() -> None:
    memo = Memo(100)
    tables = [memo.table(number) for number in range(7)]
    for number in range(10_000):
        tables[number % 7].put(number, NOTHING)
    held = sum(known(tables[number % 7], number) is not None for number in range(9_900, 10_000))
    forgotten = sum(known(tables[number % 7], number) is not None for number in range(9_900))

    assert 50 <= held <= 100
    assert not forgotten


def test_what_is_asked_for_is_kept_and_what_is_not_is_forgotten() -> None:
    memo = Memo(8)
    table = memo.table("field")
    table.put("asked", FOUND)
    table.put("not asked", FOUND)
    for number in range(20):
        table.put(number, NOTHING)
        assert known(table, "asked") is FOUND

    assert known(table, "not asked") is None


def test_a_memo_of_one_entry_remembers_nothing() -> None:
    table = Memo(1).table("field")
    table.put("Jane", FOUND)

    assert known(table, "Jane") is None


def test_a_long_text_is_not_remembered_by_itself_or_with_names() -> None:
    table = Memo(10).table("field")
    table.put("x" * 513, FOUND)
    table.put(("x" * 513, ("Jane",)), FOUND)

    assert known(table, "x" * 513) is None
    assert known(table, ("x" * 513, ("Jane",))) is None


def test_fields_that_the_same_decides_share_a_table() -> None:
    memo = Memo(10)

    assert memo.table("a") is memo.table("a")
    assert memo.table("a") is not memo.table("b")
    assert memo.table("c", keep=False) is not memo.table("c", keep=False)


def test_what_redaction_made_is_not_shown() -> None:
    assert "Jane" not in repr(Rewritten("Jane", (("PERSON", "r", "keep", 0.9, None),)))
