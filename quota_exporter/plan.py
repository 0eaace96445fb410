"""The plan: which jobs there are, found by asking each entry of the config for its targets, again and again.

Finding targets is itself a job, so it is retried, logged and shown on metrics like any other; its source is `discovery`.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from quota_exporter.config import Config
from quota_exporter.errors import ApiError, ConfigError
from quota_exporter.model import JobId, Target
from quota_exporter.settings import Entry
from quota_exporter.source import Connection, Provider, Source

DISCOVERY = "discovery"

FIRST_TARGETS = 60.0
"""Seconds after which targets are looked for again as long as none were found: until then there is nothing to poll."""

OVERDUE = 1.5
"""Intervals for which readings stand at least, whatever `max_age` is: one poll that is late is no failure."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be asked again and again.

    Attributes:
        ask: Asks once; brings home findings, with an ApiError in the place of each that failed.
        post: Takes the findings, the errors and the time; returns all errors, those of the findings included.
        every: Seconds between two polls.
        max_age: Seconds for which findings stand when polls fail.
        until_first: Seconds after which it is asked again at the latest while it never succeeded.
    """

    id: JobId
    ask: Callable[[], Awaitable[Iterable[Any]]]
    post: Callable[[list[Any], Sequence[ApiError], float], Sequence[ApiError]]
    every: float
    max_age: float
    until_first: float = float("inf")


@dataclass(slots=True, eq=False)
class Opened:
    """An entry of the config whose connection is open, with the targets found so far and their jobs."""

    provider: Provider[Any]
    entry: Entry
    connection: Connection
    targets: tuple[Target, ...] = ()
    jobs: dict[JobId, Job] = field(default_factory=dict)

    def is_like(self, other: "Opened") -> bool:
        """Whether the other one would ask the same, with the same credentials."""
        return self.entry == other.entry and self.connection.credentials == other.connection.credentials


class Plan:
    """All jobs of a configuration. Calls `on_change` when there are others than before."""

    def __init__(self, board: Board, budget: Budget) -> None:
        self._board = board
        self._budget = budget
        self._config = Config()
        self._opened: dict[tuple[str, str], Opened] = {}
        self._twice: set[Target] = set()
        self.on_change: Callable[[dict[JobId, Job]], None] = lambda jobs: None

    def jobs(self) -> dict[JobId, Job]:
        """All jobs; of two entries that find the same target, the first has it."""
        jobs: dict[JobId, Job] = {}
        for opened in self._opened.values():
            for job_id, job in opened.jobs.items():
                if jobs.setdefault(job_id, job) is not job and job_id.target not in self._twice:
                    self._twice.add(job_id.target)
                    log.warning("%s is found by two entries of the config; the first one polls it", job_id.target)
        return jobs

    def targets(self) -> set[Target]:
        """Every target of the plan."""
        return {target for opened in self._opened.values() for target in opened.targets}

    async def load(self, config: Config) -> None:
        """Takes another configuration: entries that stay the same stay open; if one cannot be opened, all is as before.

        Raises:
            ConfigError: An entry cannot be opened.
        """
        same = config.shared() == self._config.shared()
        opened: dict[tuple[str, str], Opened] = {}
        fresh: list[Opened] = []
        try:
            for provider, entry in config.entries():
                key = (provider.name, entry.label)
                known = self._opened.get(key)
                # What was found with the old settings stands until it is known what the new ones find.
                new = Opened(provider, entry, provider.connect(entry, self._budget), known.targets if known else ())
                fresh.append(new)
                opened[key] = known if known is not None and same and known.is_like(new) else new
        except ConfigError:
            await _close(fresh)
            raise
        used = list(opened.values())
        unused = [one for one in [*self._opened.values(), *fresh] if one not in used]
        self._config, self._opened = config, opened
        for new in fresh:
            if new in used:
                new.jobs = self._jobs(new)
        self.on_change(self.jobs())
        await _close(unused)

    async def close(self) -> None:
        """Closes all connections."""
        await _close(self._opened.values())

    def _jobs(self, opened: Opened) -> dict[JobId, Job]:
        """The jobs of an entry; those that are there already stay the same objects."""
        discovery = self._discovery(opened)
        jobs = {discovery.id: discovery}
        for target in opened.targets:
            for source in opened.provider.sources:
                if source.polls(opened.entry, target):
                    job = self._job(source, opened, target)
                    jobs[job.id] = job
        # The name of an account is no part of its identity; a job whose target has another one now is another job.
        same = {id_: job for id_, job in opened.jobs.items() if id_ in jobs and _name(job) == _name(jobs[id_])}
        return jobs | same

    def _discovery(self, opened: Opened) -> Job:
        job_id = JobId(DISCOVERY, Target(opened.provider.name, opened.entry.label, ""))
        every = self._config.discovery_interval
        return Job(job_id, opened.connection.targets, partial(self._found, opened, job_id), every, 3 * every, FIRST_TARGETS)

    def _found(
        self, opened: Opened, job_id: JobId, targets: list[Target], errors: Sequence[ApiError], now: float
    ) -> Sequence[ApiError]:
        """Takes the targets of an entry; with errors among them, none that was there before is given up."""
        self._board.post(job_id, (), errors, now)
        opened.targets = tuple(dict.fromkeys([*targets, *(opened.targets if errors else ())]))
        jobs = self._jobs(opened)
        if jobs != opened.jobs:
            opened.jobs = jobs
            self.on_change(self.jobs())
        return errors

    def _job(self, source: Source[Any], opened: Opened, target: Target) -> Job:
        job_id = JobId(source.name, target)
        every = opened.entry.every(source.name, source.every)
        ask = partial(source.ask, opened.connection.api(target), target)
        max_age = max(self._config.max_age or 3 * every, OVERDUE * every)
        return Job(job_id, ask, partial(self._board.post, job_id), every, max_age)


def _name(job: Job) -> str:
    return job.id.target.account_name


async def _close(opened: Iterable[Opened]) -> None:
    for one in opened:
        await one.connection.close()
