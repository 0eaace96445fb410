"""The poller: pace, jitter, faults, ageing, and that no job ever waits for another. All in fake time."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

import pytest

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from quota_exporter.errors import ApiError, Denied, Throttled, Unreachable
from quota_exporter.families import USAGE
from quota_exporter.model import JobId, Quota, Reading, Target
from quota_exporter.plan import Job
from quota_exporter.poller import START_RATE, Poller
from tests.conftest import FakeTimeLoop

QUOTA = Quota("ec2", "L-1", "Name", "count", "allocation")

Ask = Callable[[], Awaitable[Iterable[Reading | ApiError]]]


class Bench:
    """A poller in fake time, whose jobs note when they were asked."""

    def __init__(self, loop: FakeTimeLoop, jitter: float = 0.5):
        self.loop = loop
        self.board = Board(Budget(clock=loop.time))
        self.poller = Poller(self.board, clock=loop.time, jitter=lambda: jitter)
        self.asked: dict[str, list[float]] = {}

    def job(self, name: str, ask: Ask, every: float = 60, max_age: float = 180) -> Job:
        """A job that notes each time it is asked."""
        job_id = JobId(name, Target("aws", "1"))

        async def noted() -> Iterable[Reading | ApiError]:
            self.asked.setdefault(name, []).append(self.loop.time())
            return await ask()

        def post(found: list[Reading], errors: Iterable[ApiError], now: float) -> tuple[ApiError, ...]:
            return self.board.post(job_id, found, errors, now)

        return Job(job_id, noted, post, every, max_age)

    def run(self, seconds: float, *jobs: Job) -> None:
        """Polls jobs for so many seconds, then stops the poller as SIGTERM does."""
        self.poller.replace({job.id: job for job in jobs})

        async def limited() -> None:
            task = asyncio.create_task(self.poller.run())
            await asyncio.sleep(seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.loop.run_until_complete(limited())

    def usage(self) -> list[float]:
        """The usages on the board."""
        return [value for entry in self.board.entries.values() for _, column in entry.columns() for value in column.values]


async def works() -> Iterable[Reading]:
    """A source without trouble."""
    return [Reading(Target("aws", "1"), QUOTA, USAGE, 1.0)]


async def nothing() -> Iterable[Reading]:
    """A source that has nothing to tell."""
    return []


def failing(error: ApiError) -> Ask:
    """A source that always fails."""

    async def ask() -> Iterable[Reading]:
        raise error

    return ask


@pytest.fixture
def bench(fake_time: FakeTimeLoop) -> Bench:
    """A bench whose jitter is in the middle."""
    return Bench(fake_time)


def test_own_interval(bench: Bench) -> None:
    """Each job is asked at its own interval."""
    bench.run(601, bench.job("fast", works, every=60), bench.job("slow", works, every=300))

    assert len(bench.asked["fast"]) == 11
    assert len(bench.asked["slow"]) == 3


@pytest.mark.parametrize(("jitter", "second"), [(0.0, 57.0), (1.0, 63.0)])
def test_jitter(fake_time: FakeTimeLoop, jitter: float, second: float) -> None:
    """Intervals vary by five per cent each way, so that jobs do not stay in step."""
    bench = Bench(fake_time, jitter)

    bench.run(70, bench.job("one", works))

    assert bench.asked["one"] == pytest.approx([0, second])


def test_spread_at_start(bench: Bench) -> None:
    """Ten thousand new jobs start evenly, as fast as is good for any provider, at last when their interval is over."""
    slow = [bench.job(f"slow{i}", failing(Denied("no")), every=1000) for i in range(5_000)]
    fast = [bench.job(f"fast{i}", failing(Denied("no")), every=50) for i in range(5_000)]

    bench.run(99, *slow, *fast)

    times = {name: times[0] for name, times in bench.asked.items()}
    by_second = Counter(int(time) for time in times.values())
    assert by_second[0] == START_RATE
    assert max(by_second.values()) <= START_RATE + 10_000 / 50
    assert sum(name.startswith("fast") for name in times) == 5_000
    assert bench.poller.ready() is False


def test_a_small_fleet_starts_at_once(bench: Bench) -> None:
    """Nobody waits for what would not hurt: a few jobs are all asked within the first second."""
    bench.run(1, *(bench.job(f"job{i}", failing(Denied("no")), every=300) for i in range(20)))

    assert len(bench.asked) == 20


def test_a_hanging_job_delays_no_other(bench: Bench) -> None:
    """A job that never answers is ended after its interval; all others keep their pace."""

    async def hangs() -> Iterable[Reading]:
        await asyncio.sleep(1e9)
        return []

    bench.run(601, bench.job("hangs", hangs), bench.job("works", works))

    assert len(bench.asked["works"]) == 11
    errors = bench.board.entries[JobId("hangs", Target("aws", "1"))].errors
    assert [error.reason for error in errors] == ["timeout"]


def test_a_bug_kills_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A source that fails on an answer in a way nobody foresaw is `malformed`, with a traceback in the log."""

    async def bug() -> Iterable[Reading]:
        answer: dict[str, Reading] = {}
        return [answer["metadata"]]

    bench.run(100, bench.job("bug", bug), bench.job("works", works))

    errors = bench.board.entries[JobId("bug", Target("aws", "1"))].errors
    assert [str(error) for error in errors] == ["KeyError: 'metadata'"]
    assert [error.reason for error in errors] == ["malformed"]
    assert any(record.exc_info for record in caplog.records)
    assert len(bench.asked["works"]) == 2


def test_retries_sooner_after_failure(bench: Bench) -> None:
    """What may pass is asked again soon, then less and less often, never more seldom than the interval."""
    bench.run(4000, bench.job("down", failing(Unreachable("refused")), every=600))

    pauses = [b - a for a, b in zip(bench.asked["down"], bench.asked["down"][1:], strict=False)]
    assert pauses[:6] == pytest.approx([0.875 * pause for pause in (15, 30, 60, 120, 240, 480)])
    assert max(pauses) == pytest.approx(0.875 * 600)


def test_what_does_not_pass_is_not_hurried(bench: Bench) -> None:
    """A missing permission is asked for again after the interval, not sooner."""
    bench.run(601, bench.job("denied", failing(Denied("no")), every=300))

    assert len(bench.asked["denied"]) == 3


def test_retry_after(bench: Bench) -> None:
    """A Retry-After of an hour is kept, and holds up no other job."""
    bench.run(3700, bench.job("throttled", failing(Throttled("later", retry_after=3600))), bench.job("works", works))

    assert bench.asked["throttled"] == pytest.approx([0, 3600])
    assert len(bench.asked["works"]) > 60


def test_ages_out_in_time(bench: Bench) -> None:
    """When polls fail, readings stand until `max_age` after they were read, and not a second longer."""
    broken = False

    async def breaks() -> Iterable[Reading]:
        if broken:
            raise Unreachable("refused")
        return await works()

    job = bench.job("breaks", breaks, every=60, max_age=180)
    bench.run(1, job)
    broken = True
    bench.run(178, job)
    before = bench.usage()
    bench.run(2, job)

    assert before == [1.0]
    assert bench.usage() == []


def test_ages_out_while_a_poll_hangs(bench: Bench) -> None:
    """Readings vanish in time even when the poll that should replace them hangs."""
    calls = 0

    async def hangs_later() -> Iterable[Reading]:
        nonlocal calls
        calls += 1
        if calls > 1:
            await asyncio.sleep(1e9)
        return await works()

    bench.run(400, bench.job("hangs", hangs_later, every=60, max_age=180))

    assert bench.usage() == []


def test_ages_out_before_a_hanging_poll_ends(bench: Bench) -> None:
    """Readings whose age is shorter than a poll may take vanish in time all the same."""
    calls = 0

    async def hangs_later() -> Iterable[Reading]:
        nonlocal calls
        calls += 1
        if calls > 1:
            await asyncio.sleep(1e9)
        return await works()

    bench.run(45, bench.job("hangs", hangs_later, every=10, max_age=30))

    assert bench.usage() == []


def test_a_part_is_not_held_up_by_another(bench: Bench) -> None:
    """Where one part says not to come back for an hour and another one was read, that one is asked again in time."""

    async def half() -> Iterable[Reading | ApiError]:
        return [*await works(), Throttled("later", retry_after=3600)]

    bench.run(301, bench.job("half", half))

    assert len(bench.asked["half"]) >= 5


def test_what_was_shared_is_given_up(bench: Bench) -> None:
    """A job whose question is cancelled from within fails, and is asked again."""

    async def cancelled() -> Iterable[Reading]:
        task = asyncio.create_task(asyncio.sleep(1e9))
        asyncio.get_running_loop().call_later(1, task.cancel)
        await asyncio.shield(task)
        return []

    bench.run(100, bench.job("shared", cancelled))

    assert len(bench.asked["shared"]) > 2
    assert [e.reason for e in bench.board.entries[JobId("shared", Target("aws", "1"))].errors] == ["unavailable"]


def test_a_job_that_never_worked_is_asked_soon(bench: Bench) -> None:
    """While a job never succeeded, it is asked again soon, even where what is missing hardly comes by itself."""
    job = bench.job("finds", failing(Denied("no")), every=3600)

    bench.run(601, replace(job, until_first=60))

    assert len(bench.asked["finds"]) > 9


def test_logged_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A failure is logged when it begins, when it changes and when it is over, and not in between."""
    outcomes: list[ApiError | None] = [Unreachable("refused")] * 3 + [Denied("no", permission="list nodes")] * 2 + [None] * 3

    async def ask() -> Iterable[Reading]:
        outcome = outcomes.pop(0) if outcomes else None
        if outcome:
            raise outcome
        return await works()

    with caplog.at_level(logging.INFO):
        bench.run(600, bench.job("nodes", ask))

    assert [record.getMessage() for record in caplog.records if record.name == "quota_exporter.poller"] == [
        "nodes of aws/1/global failed, unreachable: refused",
        "nodes of aws/1/global failed, denied: no (missing permission: list nodes)",
        "nodes of aws/1/global works again",
    ]


def test_jobs_come_and_go(bench: Bench) -> None:
    """A job that is gone is not asked again and leaves nothing; one that stays keeps its pace."""
    stays, goes, comes = (bench.job(name, nothing) for name in ("stays", "goes", "comes"))
    bench.run(30, stays, goes)
    bench.run(70, stays, comes)

    assert bench.asked["stays"] == pytest.approx([0, 60], abs=0.1)
    assert len(bench.asked["goes"]) == 1
    assert bench.asked["comes"][0] == pytest.approx(30)
    assert JobId("goes", Target("aws", "1")) not in bench.board.entries


def test_a_removed_job_is_ended(bench: Bench) -> None:
    """A job that is removed while it is being asked is ended, and what it would have read is lost without a trace."""
    ended = []

    async def hangs() -> Iterable[Reading]:
        try:
            await asyncio.sleep(1e9)
        finally:
            ended.append(bench.loop.time())
        return []

    async def removed() -> None:
        task = asyncio.create_task(bench.poller.run())
        await asyncio.sleep(10)
        bench.poller.replace({})
        await asyncio.sleep(1)
        task.cancel()

    job = bench.job("hangs", hangs)
    bench.poller.replace({job.id: job})
    bench.loop.run_until_complete(removed())

    assert ended == [10]
    assert bench.board.entries == {}


def test_stops_at_once(bench: Bench) -> None:
    """When it is stopped, everything that is being asked is ended at once."""

    async def hangs() -> Iterable[Reading]:
        await asyncio.sleep(1e9)
        return []

    bench.run(10, *(bench.job(f"hangs{i}", hangs) for i in range(100)))

    assert bench.loop.time() == pytest.approx(10)
    assert asyncio.all_tasks(bench.loop) == set()


def test_once(bench: Bench) -> None:
    """`once` asks every job a single time, and those that are found meanwhile."""
    inner = bench.job("inner", works)

    async def finds() -> Iterable[Reading]:
        bench.poller.replace({outer.id: outer, inner.id: inner})
        return []

    outer = bench.job("outer", finds)
    bench.poller.replace({outer.id: outer})
    bench.loop.run_until_complete(bench.poller.once())

    assert {name: len(times) for name, times in bench.asked.items()} == {"outer": 1, "inner": 1}
    assert bench.poller.ready()
