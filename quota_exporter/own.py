"""The exporter's own few metrics that do not grow with the fleet; prometheus-client keeps and renders them."""

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, GCCollector, Histogram, Metric, PlatformCollector, ProcessCollector

from quota_exporter import __version__
from quota_exporter.exposition import metric
from quota_exporter.families import BUILD, DROPPED, POLL_DURATION, RELOAD_SUCCESS, RELOAD_TIME, SERIES, TARGETS, Family
from quota_exporter.model import JobId, Target

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Own:
    """What is told of the exporter itself.

    Attributes:
        registry: Holds all of it.
    """

    def __init__(
        self,
        series: Mapping[str, int],
        dropped: Mapping[str, int],
        targets: Callable[[], Iterable[Target]],
        clock: Callable[[], float] = time.time,
    ):
        self._series, self._dropped, self._targets, self._clock = series, dropped, targets, clock
        self._reload_worked = True
        self._reloaded_at = clock()
        # prometheus-client would add a _created series to each histogram, which only doubles them.
        self.registry = CollectorRegistry(auto_describe=True)
        self._durations = Histogram(
            POLL_DURATION.name.removesuffix("_seconds"),
            POLL_DURATION.help,
            POLL_DURATION.labels,
            unit=POLL_DURATION.unit,
            buckets=BUCKETS,
            registry=None,
        )
        self.registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def observe(self, job_id: JobId, seconds: float) -> None:
        """Notes how long a poll took."""
        self._durations.labels(job_id.target.provider, job_id.source).observe(seconds)

    def reloaded(self, worked: bool) -> None:
        """Notes whether a reload of the configuration worked."""
        self._reload_worked = worked
        if worked:
            self._reloaded_at = self._clock()

    def collect(self) -> Iterable[Metric]:
        """All of it as prometheus-client's metrics."""
        for found in self._durations.collect():
            found.samples = [sample for sample in found.samples if not sample.name.endswith("_created")]
            yield found
        yield _by_provider(SERIES, self._series)
        yield _by_provider(DROPPED, self._dropped)
        yield _by_provider(TARGETS, Counter(target.provider for target in self._targets()))
        build = metric(BUILD)
        build.add_sample(BUILD.name, {"python": platform.python_version(), "version": __version__}, 1)
        yield build
        for family, value in ((RELOAD_SUCCESS, float(self._reload_worked)), (RELOAD_TIME, self._reloaded_at)):
            found = metric(family)
            found.add_sample(family.name, {}, value)
            yield found


def _by_provider(family: Family, numbers: Mapping[str, int]) -> Metric:
    found = metric(family)
    for provider, number in numbers.items():
        found.add_sample(family.name, {"provider": provider}, number)
    return found
