"""The poller: when each job is asked, and what happens when that fails."""

import asyncio
import heapq
import itertools
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from quota_exporter.board import Board
from quota_exporter.errors import ApiError, Malformed, TimedOut, Unavailable
from quota_exporter.model import JobId
from quota_exporter.plan import Job

START_RATE = 50
"""New jobs are first asked at this many per second, or at the fleet's own pace where that is faster, never all at once."""

FIRST_RETRY = 15.0
"""Seconds after a failed poll; doubled with each further failure, up to the job's interval."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Pace:
    """When a job is due, and how it went.

    Attributes:
        due: When it is asked next, on the poller's clock; while it is being asked, when that began.
        failures: Polls that failed one after another.
        read: Whether the last poll read anything.
        told: What the last logged line was about, so that the same is not logged again.
    """

    job: Job
    due: float
    failures: int = 0
    read: bool = False
    told: frozenset[tuple[str, str, str]] = frozenset()
    task: asyncio.Task[None] | None = None
    expiring: bool = False


@dataclass(slots=True)
class Poller:
    """Asks each job at its own pace; none waits for another.

    Attributes:
        clock: Seconds on a clock that only ever goes forward: nobody who sets the time stops polls or keeps old readings.
        jitter: Random numbers from 0 to 1.
        observe: Is told each poll's job and duration in seconds.
    """

    board: Board
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    observe: Callable[[JobId, float], None] = lambda job_id, seconds: None
    paces: dict[JobId, Pace] = field(default_factory=dict)
    _due: list[tuple[float, int, JobId]] = field(default_factory=list)
    _expiring: list[tuple[float, int, JobId]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _untried: set[JobId] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def replace(self, jobs: dict[JobId, Job]) -> None:
        """Takes the jobs there are from now on: forgets those that are gone, keeps the pace of those that stay."""
        for job_id in self.paces.keys() - jobs.keys():
            pace = self.paces.pop(job_id)
            if pace.task is not None:
                pace.task.cancel()
            self._untried.discard(job_id)
            self.board.remove(job_id)
        now = self.clock()
        starting = [job for job_id, job in jobs.items() if job_id not in self.paces or self.paces[job_id].job is not job]
        # In random order, so that those of one account do not come one after another.
        starting.sort(key=lambda _: self.jitter())
        for index, job in enumerate(starting):
            if self.board.add(job.id, job.max_age).tried is None:
                self._untried.add(job.id)
            pace = self.paces.setdefault(job.id, Pace(job, now))
            # One that was there before goes on with other settings or another connection.
            pace.job = job
            if pace.task is not None:
                pace.task.cancel()
                pace.task = None
            self._schedule(pace, now + min(index / START_RATE, job.every * index / len(starting)))
        self._wake.set()

    def ready(self) -> bool:
        """Whether every job was tried once."""
        return not self._untried

    async def run(self) -> None:
        """Asks for ever; on cancellation ends what is being asked."""
        try:
            while True:
                self._wake.clear()
                wait = self._start_due()
                try:
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            tasks = [pace.task for pace in self.paces.values() if pace.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def once(self) -> None:
        """Asks every job a single time, also those found meanwhile; all at once, within the budget."""
        while waiting := [pace for pace in self.paces.values() if pace.job.id in self._untried]:
            await asyncio.gather(*(self._poll(pace) for pace in waiting))

    def _start_due(self) -> float | None:
        """Starts what is due; returns the seconds until something is due next, None if nothing ever is."""
        now = self.clock()
        while self._due and self._due[0][0] <= now:
            due, _, job_id = heapq.heappop(self._due)
            pace = self.paces.get(job_id)
            # A job that was removed or put off since leaves its old line in the heap.
            if pace is not None and pace.task is None and pace.due == due:
                pace.task = asyncio.create_task(self._poll_and_schedule(pace), name=f"poll {job_id.source} {job_id.target}")
        while self._expiring and self._expiring[0][0] <= now:
            _, _, job_id = heapq.heappop(self._expiring)
            if job_id in self.paces:
                self.paces[job_id].expiring = False
                self._expire(self.paces[job_id])
        next_time = min((heap[0][0] for heap in (self._due, self._expiring) if heap), default=None)
        return None if next_time is None else max(0.0, next_time - now)

    def _schedule(self, pace: Pace, due: float) -> None:
        pace.due = due
        heapq.heappush(self._due, (due, next(self._numbers), pace.job.id))
        self._wake.set()

    async def _poll_and_schedule(self, pace: Pace) -> None:
        began = self.clock()
        wait = pace.job.every
        try:
            wait = self._pause(pace, await self._poll(pace))
        finally:
            # Whatever happened, the job goes on; unless it was exchanged meanwhile.
            if pace.task is asyncio.current_task():
                pace.task = None
                self._schedule(pace, max(self.clock(), began + wait))

    def _pause(self, pace: Pace, errors: Sequence[ApiError]) -> float:
        """Seconds from the beginning of a poll to the next one."""
        entry = self.board.entries[pace.job.id]
        if not errors:
            return pace.job.every * (0.95 + 0.1 * self.jitter())
        longest = pace.job.every if entry.succeeded is not None else min(pace.job.every, pace.job.until_first)
        again = any(error.retryable for error in errors)
        wait = min(longest, FIRST_RETRY * 2 ** min(pace.failures - 1, 20)) if again else longest
        wait *= 0.75 + 0.25 * self.jitter()
        # Where a part was read, it must not get old because another one is not to be asked.
        return wait if pace.read else max(wait, *(error.retry_after or 0.0 for error in errors))

    async def _poll(self, pace: Pace) -> Sequence[ApiError]:
        """Asks once and posts the outcome, whatever it is; returns what failed."""
        job = pace.job
        began = time.perf_counter()
        found: list[Any] = []
        try:
            async with asyncio.timeout(max(60.0, job.every)):
                found = list(await job.ask())
            failed = [item for item in found if isinstance(item, ApiError)]
            errors = job.post([item for item in found if not isinstance(item, ApiError)], failed, self.clock())
        except TimeoutError:
            errors = job.post([], [TimedOut(f"not done within {max(60.0, job.every):g} s")], self.clock())
        except ApiError as error:
            errors = job.post([], [error], self.clock())
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            errors = job.post([], [Unavailable("was given up by what it shared with others")], self.clock())
        except Exception as bug:
            log.exception("%s of %s: the source failed on an answer", job.id.source, job.id.target)
            errors = job.post([], [Malformed(f"{type(bug).__name__}: {bug}")], self.clock())
        pace.read = any(not isinstance(item, ApiError) for item in found)
        self._untried.discard(job.id)
        self.observe(job.id, time.perf_counter() - began)
        pace.failures = pace.failures + 1 if errors else 0
        self._tell(pace, errors)
        self._expire(pace)
        return errors

    def _expire(self, pace: Pace) -> None:
        """Drops what is too old now, and comes back when the next will be."""
        next_time = self.board.expire(pace.job.id, self.clock())
        if next_time is not None and not pace.expiring:
            pace.expiring = True
            heapq.heappush(self._expiring, (next_time, next(self._numbers), pace.job.id))
            self._wake.set()

    def _tell(self, pace: Pace, errors: Iterable[ApiError]) -> None:
        """Logs a failure once, until it is another or over."""
        told = frozenset((error.reason, error.operation, error.permission) for error in errors)
        for error in errors:
            if (error.reason, error.operation, error.permission) not in pace.told:
                log.warning("%s", describe(pace.job.id, error), extra=facts(pace.job.id, error))
        if pace.told and not told:
            log.info("%s of %s works again", pace.job.id.source, pace.job.id.target, extra=facts(pace.job.id))
        pace.told = told


def describe(job_id: JobId, error: ApiError) -> str:
    """A failure in a sentence: source, target, reason, what was asked, and the missing permission."""
    operation = f"{error.operation}: " if error.operation else ""
    permission = f" (missing permission: {error.permission})" if error.permission else ""
    return f"{job_id.source} of {job_id.target} failed, {error.reason}: {operation}{error}{permission}"


def facts(job_id: JobId, error: ApiError | None = None) -> dict[str, str]:
    """The same as fields of a log line."""
    target = job_id.target
    told = {"source": job_id.source, "provider": target.provider, "account": target.account, "region": target.region}
    if error is not None:
        told |= {"reason": error.reason, "operation": error.operation, "permission": error.permission}
    return {key: value for key, value in told.items() if value}
