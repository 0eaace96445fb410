"""Counters of others, added up: each increase once, whatever happens to the processes that count."""

import pytest

from quota_exporter.families import API_REQUESTS
from quota_exporter.model import Operation, Reading, Target
from quota_exporter.tally import Tally

TARGET = Target("kubernetes", "prod")


def counter(value: float, process: tuple[str, float], operation: str = "system") -> Reading:
    """The state of a counter of one process."""
    return Reading(TARGET, Operation("kube-apiserver", operation), API_REQUESTS, value, since=process)


@pytest.fixture
def tally() -> Tally:
    """A tally that knows nothing."""
    return Tally()


def totals(tally: Tally, now: float, *readings: Reading) -> list[float]:
    """What our counters show after a poll."""
    return [reading.value for reading in tally.count(readings, now)]


def test_begins_at_zero(tally: Tally) -> None:
    """What was counted before the first poll is nobody's increase; what follows counts."""
    assert totals(tally, 100, counter(5000, ("", 10))) == [0]
    assert totals(tally, 160, counter(5030, ("", 10))) == [30]


def test_replicas_add_up(tally: Tally) -> None:
    """Behind one address now this and now that replica answers: each one's increase counts once."""
    polls = [(5000, 10.0), (70, 20.0), (5030, 10.0), (75, 20.0)]

    found = [totals(tally, 100 + 60 * minute, counter(value, ("", began))) for minute, (value, began) in enumerate(polls)]

    assert found == [[0], [0], [30], [35]]


def test_restart(tally: Tally) -> None:
    """A process that began since its name last answered counts from 0; ours never falls."""
    assert totals(tally, 100, counter(5000, ("", 10))) == [0]
    assert totals(tally, 160, counter(44, ("", 130))) == [44]
    assert totals(tally, 220, counter(50, ("", 130))) == [50]


@pytest.mark.parametrize("between", [(), (Reading(TARGET, Operation("", ""), API_REQUESTS, 7),)], ids=["failed", "no counters"])
def test_restart_with_polls_that_tell_nothing(between: tuple[Reading, ...], tally: Tally) -> None:
    """Polls that fail while a server restarts, or that come before it counts, take away nothing of what it counts."""
    totals(tally, 100, counter(5000, ("", 10)))
    totals(tally, 160, *between)

    assert totals(tally, 220, counter(44, ("", 130))) == [44]


def test_each_name_for_itself(tally: Tally) -> None:
    """That one replica answers says nothing of when another one last did."""
    totals(tally, 100, counter(5000, ("a", 10)), counter(1, ("b", 10)))
    totals(tally, 160, counter(1, ("b", 10)))

    assert totals(tally, 220, counter(44, ("a", 130)), counter(1, ("b", 10))) == [44]


def test_new_counter_of_a_known_process(tally: Tally) -> None:
    """A counter that a process did not have before began at 0: its first burst counts."""
    totals(tally, 100, counter(10, ("", 10)))

    assert totals(tally, 160, counter(12, ("", 10)), counter(40, ("", 10), "late")) == [2, 40]


def test_new_counter_of_an_unknown_process(tally: Tally) -> None:
    """Of a process that began long ago and was never seen, nothing counts at first."""
    totals(tally, 100, counter(10, ("", 10)))

    assert totals(tally, 160, counter(12, ("", 20)), counter(40, ("", 20), "late")) == [0, 0]


def test_falls(tally: Tally) -> None:
    """A counter that falls without a restart is no increase, and goes on from where it is."""
    values = (50, 20, 25)

    assert [totals(tally, 60 * i, counter(value, ("", 10))) for i, value in enumerate(values)] == [[0], [0], [5]]


def test_no_number(tally: Tally) -> None:
    """What is no finite number counts for nothing, and is passed on to be told as a failure."""
    totals(tally, 100, counter(5, ("", 10)))

    assert totals(tally, 160, counter(float("inf"), ("", 10))) == [float("inf")]
    assert totals(tally, 220, counter(7, ("", 10))) == [2]


def test_many_replicas(tally: Tally) -> None:
    """Any number of replicas with names of their own are all remembered."""
    names = [f"10.0.0.{number}" for number in range(40)]

    for value in (100, 101, 103):
        (total,) = totals(tally, value, *(counter(value, (name, 10)) for name in names))

    assert total == 3 * len(names)


def test_forgets(tally: Tally) -> None:
    """Processes behind one address are forgotten when there were many others since: memory is bounded, nothing counts twice."""
    for began in range(100):
        totals(tally, 1000, counter(500, ("", began)))

    assert totals(tally, 1000, counter(600, ("", 0))) == [0]
    assert totals(tally, 1000, counter(600, ("", 99))) == [100]
