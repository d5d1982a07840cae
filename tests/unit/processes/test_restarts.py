from streamproc.processes.restarts import Deaths, Restarts

POLICY = Restarts(first_seconds=1, most_seconds=5, most=5, window_seconds=100)


def test_the_wait_doubles_with_each_death_up_to_a_bound() -> None:
    deaths = Deaths(POLICY)
    assert [deaths.wait_after(at) for at in (0, 1, 2, 3)] == [1, 2, 4, 5]


def test_a_process_that_dies_too_often_is_given_up() -> None:
    deaths = Deaths(POLICY)
    assert [deaths.wait_after(at) for at in range(5)][-1] is None


def test_deaths_of_long_ago_do_not_count() -> None:
    deaths = Deaths(POLICY)
    waits = [deaths.wait_after(at) for at in range(0, 1_000, 101)]
    assert waits == [1] * 10
