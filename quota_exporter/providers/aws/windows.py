"""Counters made of what CloudWatch counted in each minute."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from quota_exporter.errors import ApiError
from quota_exporter.providers.aws.api import AwsApi
from quota_exporter.providers.aws.limits import UsageMetric
from quota_exporter.providers.aws.metrics import Query, Series, read

LATE = 1200.0
"""Seconds by which a minute may still grow: what is told too late is counted with the next poll."""

KEPT = 14 * 86_400.0
"""Seconds for which CloudWatch keeps minutes, less a day: what is older is lost when nobody polled."""


class Counted(NamedTuple):
    """A counter, and what it counts."""

    metric: UsageMetric
    total: float


@dataclass(slots=True)
class Windows:
    """Adds up the minutes of metrics, each once, by as much as it grew since it was read last.

    Minutes before the first poll are not counted. A counter is told as 0 before its first increase, so that the increase
    is seen; what was counted until then comes with the next poll.
    """

    _since: float | None = None
    _until: dict[UsageMetric, float] = field(default_factory=dict)
    _minutes: dict[UsageMetric, dict[float, float]] = field(default_factory=dict)
    _totals: dict[UsageMetric, float] = field(default_factory=dict)
    _told: set[UsageMetric] = field(default_factory=set)

    @classmethod
    def of(cls, api: AwsApi, name: str) -> "Windows":
        """Those of a source, which stay the same from one poll to the next."""
        windows: Windows = api.kept.setdefault(name, cls())
        return windows

    async def read(self, api: AwsApi, metrics: frozenset[UsageMetric]) -> list[Counted | ApiError]:
        """Every counter so far, those whose metrics are quiet now included; with an error for each that could not be read.

        Raises:
            ApiError: CloudWatch could not be asked.
        """
        now = api.now() // 60 * 60
        since = self._since = now if self._since is None else self._since
        # A metric that comes, or comes back, is listed an hour late: each is read from where its own reading ended.
        backs = {metric: min(now - self._until.get(metric, since) + LATE, KEPT) for metric in sorted(metrics)}
        found = await read(api, {metric: Query(metric, "Sum", 60, back) for metric, back in backs.items()})
        errors = [series for series in found.values() if isinstance(series, ApiError)]
        for metric, series in found.items():
            if not isinstance(series, ApiError):
                self._add(metric, series, since)
                self._until[metric] = now
        return [*self._tell(), *errors]

    def _add(self, metric: UsageMetric, series: Series, since: float) -> None:
        """Counts by how much minutes grew; keeps those that will be read again."""
        self._totals.setdefault(metric, 0.0)
        known = self._minutes.get(metric, {})
        for time, value in series:
            if time >= since and value > (before := known.get(time, 0.0)):
                self._totals[metric] += value - before
                known[time] = value
        last = max(known, default=0.0)
        self._minutes[metric] = {time: value for time, value in known.items() if time >= last - 2 * LATE}

    def _tell(self) -> Iterator[Counted]:
        for metric, total in self._totals.items():
            yield Counted(metric, total if metric in self._told else 0.0)
            self._told.add(metric)
