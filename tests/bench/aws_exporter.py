"""The real exporter with its web server, polling accounts of the fake AWS as fast as it can. A process.

Jobs are not started at the pace of the poller, which would take its time on purpose, but as soon as earlier ones end:
`AT_ONCE` are always under way, through the same api, budgets, threads and board.
"""

import asyncio
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from quota_exporter.cli.exporter import Exporter
from quota_exporter.cli.serve import served
from quota_exporter.config import Config
from quota_exporter.families import LIMIT, USAGE
from quota_exporter.model import Subject, Target
from quota_exporter.plan import DISCOVERY
from quota_exporter.poller import Pace, Poller
from quota_exporter.web.app import application
from tests.bench.aws_fleet import ENTRIES, environment
from tests.bench.control import obey_meanwhile, tell
from tests.bench.stall import Watch

AT_ONCE = 100


class Eager(Poller):
    """Polls when it is told to, some jobs at a time."""

    async def run(self) -> None:
        """Waits for ever."""
        await asyncio.Event().wait()

    async def poll(self, paces: list[Pace]) -> None:
        """Polls some jobs once, in random order."""
        waiting = deque(random.Random(1).sample(paces, len(paces)))

        async def work() -> None:
            while waiting:
                await self._poll(waiting.popleft())

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


class Fleet:
    """What is polled, and how that went."""

    def __init__(self, exporter: Exporter, poller: Eager) -> None:
        self._exporter = exporter
        self._poller = poller
        self._task: asyncio.Task[None] | None = None
        self._began = self._took = self._cpu = 0.0

    def start(self, discovery: float, share: float = 1.0) -> None:
        """Begins to look for targets, or to poll the jobs of some of the accounts."""
        paces = [pace for job_id, pace in self._poller.paces.items() if (job_id.source == DISCOVERY) is bool(discovery)]
        accounts = sorted({pace.job.id.target.account for pace in paces})
        wanted = set(accounts[: max(1, int(len(accounts) * share))])
        chosen = [pace for pace in paces if pace.job.id.target.account in wanted]
        self._task = asyncio.create_task(self._poll(chosen))

    async def _poll(self, paces: list[Pace]) -> None:
        self._began, cpu = time.perf_counter(), time.process_time()
        await self._poller.poll(paces)
        self._took, self._cpu = time.perf_counter() - self._began, time.process_time() - cpu

    def done(self) -> dict[str, float] | None:
        """Seconds and CPU that it took; None while it goes on."""
        if self._task is None or not self._task.done():
            return None
        self._task.result()
        return {"seconds": self._took, "cpu": self._cpu}

    def told(self) -> dict[str, Any]:
        """What is known now."""
        board, budget = self._exporter.board, self._exporter.budget
        pairs: set[tuple[Target, Subject]] = set()
        for entry in board.entries.values():
            for (target, family), column in entry.columns():
                if family in (USAGE, LIMIT):
                    pairs.update((target, subject) for subject, _ in column.rows.keys)
        errors = Counter(f"{job.source}: {error.reason} {error}"[:200] for job, e in board.entries.items() for error in e.errors)
        buckets = [bucket for of_account in budget._buckets.values() for bucket in of_account.values()]
        bounds = [(max(0.0, (b.calls - b.allowance.burst) / b.allowance.rate), b.operation.service_code) for b in buckets]
        return {
            "jobs": len(self._poller.paces),
            "quotas": len(pairs),
            "series": sum(board.series.values()),
            "failed": sum(bool(entry.errors) for entry in board.entries.values()),
            "errors": errors.most_common(5),
            "bound": max(bounds, default=(0.0, "")),
            "calls": sum(bucket.calls for bucket in buckets),
        }


async def main() -> None:
    """Tells its port, then does what it is told."""
    environment(int(sys.argv[1]))
    exporter = Exporter(None)
    poller = exporter.poller = Eager(exporter.board, observe=exporter.own.observe)
    exporter.plan.on_change = poller.replace
    await exporter.load(Config(aws=(ENTRIES[sys.argv[2]](int(sys.argv[3])),)))
    fleet, watch = Fleet(exporter, poller), Watch()
    app = application(exporter.board, exporter.poller, exporter.own.registry, exporter.reload)
    commands: dict[str, Callable[..., Any]] = {
        "start": fleet.start,
        "done": fleet.done,
        "told": fleet.told,
        "watch": watch.on,
        "seen": watch.seen,
    }
    async with served(app, [("127.0.0.1", 0)]) as urls, exporter.running():
        tell(urlsplit(urls[0]).port)
        await obey_meanwhile(commands)


if __name__ == "__main__":
    asyncio.run(main())
