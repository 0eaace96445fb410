"""The budget: buckets, throttling, retries, deadlines."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from quota_exporter.budget import FLOOR, Allowance, Bucket, Budget
from quota_exporter.errors import ApiError, Denied, Throttled, TimedOut, Unavailable
from quota_exporter.families import API_CALLS, API_CALLS_THROTTLED, API_COST, BUDGET_AVAILABLE
from quota_exporter.model import Operation, Target
from tests.conftest import FakeTimeLoop

TARGET = Target("aws", "1", "eu-west-1")


def bucket(rate: float = 10, burst: float = 5) -> Bucket:
    """A bucket of its own."""
    return Bucket(TARGET, Operation("ec2", "read"), Allowance(rate, burst))


def answers(*outcomes: ApiError | str) -> Callable[[], Awaitable[str]]:
    """An attempt that fails or works as listed, one outcome a call."""
    left = list(outcomes)

    async def attempt() -> str:
        outcome = left.pop(0)
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    return attempt


def test_burst_then_rate() -> None:
    """A burst is free, and after it calls come at the published rate."""
    tested = bucket(rate=10, burst=5)

    waits = [tested.take(100.0) for _ in range(7)]

    assert waits == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.2])


def test_available_falls_and_refills() -> None:
    """What is left falls with use and comes back with time."""
    tested = bucket(rate=10, burst=5)

    for _ in range(5):
        tested.take(100.0)

    assert tested.available(100.0) == pytest.approx(0.0)
    assert tested.available(100.25) == pytest.approx(0.5)
    assert tested.available(200.0) == 1.0


def test_throttling_halves_at_once() -> None:
    """Being throttled halves the rate, and again a second later; calls in flight together count once."""
    tested = bucket()

    tested.lower(100.0, None)
    tested.lower(100.1, None)
    first = tested.share(100.1)
    tested.lower(101.5, None)

    assert first == pytest.approx(0.5, abs=0.01)
    assert tested.share(101.5) == pytest.approx(0.25, abs=0.01)
    assert tested.throttled == 3


def test_recovers_slowly() -> None:
    """The rate comes back in small steps: half of it in two and a half minutes."""
    tested = bucket()

    tested.lower(100.0, None)

    assert tested.share(175.0) == pytest.approx(0.75)
    assert tested.share(250.0) == 1.0


def test_never_stops_for_good() -> None:
    """However often it is throttled, a bucket keeps a small rate."""
    tested = bucket()

    for second in range(0, 40, 2):
        tested.lower(float(second), None)

    assert FLOOR <= tested.share(38.0) < 2 * FLOOR


def test_retry_after_blocks_all_callers(fake_time: FakeTimeLoop) -> None:
    """A Retry-After holds back every call of the bucket, not only the one that was told."""

    async def run() -> float:
        budget = Budget(attempts=1, clock=fake_time.time)
        tested = budget.bucket(TARGET, "ec2", "read", Allowance(10, 5))
        with pytest.raises(Throttled):
            await budget.call(tested, answers(Throttled("slow down", retry_after=15)))
        began = fake_time.time()
        await budget.call(tested, answers("done"))
        return fake_time.time() - began

    assert fake_time.run_until_complete(run()) == pytest.approx(15)


def test_a_long_retry_after_is_not_waited_for(fake_time: FakeTimeLoop) -> None:
    """While a bucket is blocked for long, calls fail at once as throttled, without a request, and tell for how long."""

    async def run() -> tuple[float | None, int]:
        budget = Budget(clock=fake_time.time)
        tested = budget.bucket(TARGET, "ec2", "read", Allowance(10, 5))
        with pytest.raises(Throttled):
            await budget.call(tested, answers(Throttled("slow down", retry_after=3600)))
        await asyncio.sleep(600)
        with pytest.raises(Throttled, match="not to be asked for another 3000 s") as told:
            await budget.call(tested, answers())
        return told.value.retry_after, tested.calls

    retry_after, calls = fake_time.run_until_complete(run())

    assert retry_after == pytest.approx(3000)
    assert calls == 1
    assert fake_time.time() == pytest.approx(600)


def test_a_caller_that_leaves_gives_its_slot_back(fake_time: FakeTimeLoop) -> None:
    """Callers that give up while they wait for the budget cost the others nothing."""

    async def run() -> float:
        budget = Budget(clock=fake_time.time)
        tested = budget.bucket(TARGET, "ec2", "read", Allowance(1, 1))
        await budget.call(tested, answers("done"))
        leaving = [asyncio.create_task(budget.call(tested, answers("done"))) for _ in range(50)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await budget.call(tested, answers("done"))
        return fake_time.time()

    assert fake_time.run_until_complete(run()) == pytest.approx(1)


def test_a_new_allowance_counts_at_once() -> None:
    """A rate that was configured anew replaces the old one; what was counted stays."""
    budget = Budget(clock=lambda: 0.0)
    budget.bucket(TARGET, "ec2", "read", Allowance(1, 2)).calls = 3

    found = budget.bucket(TARGET, "ec2", "read", Allowance(20, 40))

    assert (found.allowance.rate, found.calls) == (20, 3)


def test_retries_what_passes(fake_time: FakeTimeLoop) -> None:
    """A call is tried again with growing pauses, and each attempt is counted."""

    async def run() -> tuple[str, float, int]:
        budget = Budget(clock=fake_time.time, jitter=lambda: 1.0)
        tested = budget.bucket(TARGET, "ec2", "read", Allowance(10, 5))
        answer = await budget.call(tested, answers(Unavailable("503"), Unavailable("503"), "done"))
        return answer, fake_time.time(), tested.calls

    answer, seconds, calls = fake_time.run_until_complete(run())

    assert (answer, calls) == ("done", 3)
    assert seconds == pytest.approx(1.0 + 2.0)


@pytest.mark.parametrize("error", [Denied("no"), Throttled("later", retry_after=3600)])
def test_gives_up_at_once(error: ApiError, fake_time: FakeTimeLoop) -> None:
    """What does not pass by itself, or only in an hour, is not waited for."""

    async def run() -> float:
        budget = Budget(clock=fake_time.time)
        with pytest.raises(type(error)):
            await budget.call(budget.bucket(TARGET, "ec2", "read", Allowance(10, 5)), answers(error))
        return fake_time.time()

    assert fake_time.run_until_complete(run()) == 0.0


def test_no_pause_is_for_ever() -> None:
    """However large a Retry-After is, the bucket is open again after a day."""
    tested = bucket()

    tested.lower(100.0, Throttled("later", retry_after=float("9" * 400)).retry_after)

    assert tested.blocked(100.0) == 86_400


def test_deadline_of_an_attempt(fake_time: FakeTimeLoop) -> None:
    """An attempt that hangs is ended, and the call fails as timed out after all attempts."""

    async def run() -> float:
        budget = Budget(clock=fake_time.time, deadline=30, jitter=lambda: 0.0)
        with pytest.raises(TimedOut, match="no whole answer within 30 s"):
            await budget.call(budget.bucket(TARGET, "ec2", "read", Allowance(10, 5)), lambda: asyncio.sleep(1e6))
        return fake_time.time()

    assert fake_time.run_until_complete(run()) == pytest.approx(90)


def test_readings() -> None:
    """Calls, refusals and cost are summed per service; each bucket tells what is left."""
    budget = Budget(clock=lambda: 0.0)
    for operation in ("read", "list"):
        found = budget.bucket(TARGET, "ec2", operation, Allowance(1, 4))
        found.calls, found.throttled, found.cost = 3, 1, 0.25
        found.take(0.0)

    readings = list(budget.readings("aws", "1"))

    assert [(r.measure, r.value) for r in readings if r.measure is not BUDGET_AVAILABLE] == [
        (API_CALLS, 6),
        (API_CALLS_THROTTLED, 2),
        (API_COST, 0.5),
    ]
    assert [(r.quota, r.value) for r in readings if r.measure is BUDGET_AVAILABLE] == [
        (Operation("ec2", "read"), 0.75),
        (Operation("ec2", "list"), 0.75),
    ]
