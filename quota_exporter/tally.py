"""Counters of others, added up: ours never falls, whatever happens to the processes that count."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite

from quota_exporter.model import Reading
from quota_exporter.snapshot import Key, Place

Process = tuple[str, float]
"""Which process counts: the name it is asked by, and when it began, in seconds since 1970."""

Counter = tuple[Place, Key]
"""Which counter."""


@dataclass(slots=True)
class Tally:
    """Adds up what the counters of some processes increased.

    Several processes may answer by the same name, as the replicas behind one address do, now this and now that. What a
    process counted is nobody's increase when it is seen for the first time, unless it began after its name last answered;
    and a counter that a known process did not have before counts from 0.
    """

    _totals: dict[Counter, float] = field(default_factory=dict)
    _seen: dict[Process, dict[Counter, float]] = field(default_factory=dict)
    _answered: dict[str, float] = field(default_factory=dict)

    REMEMBERED = 16
    """Processes remembered by the same name: more than the replicas that one address hides."""

    def count(self, readings: Iterable[Reading], now: float) -> Iterator[Reading]:
        """The readings, those of counters replaced by one with the total of all processes.

        Args:
            readings: Of one poll.
            now: Seconds since 1970, by the same clock as the processes' beginnings as near as can be.
        """
        counted: dict[Counter, Reading] = {}
        answered: dict[Process, dict[Counter, float]] = {}
        for reading in readings:
            if reading.since is None or not isfinite(reading.value):
                yield reading
                continue
            counter = ((reading.target, reading.measure), (reading.quota, reading.resource))
            total = self._totals.get(counter, 0.0) + self._increase(counter, reading.since, reading.value)
            self._totals[counter] = total
            answered.setdefault(reading.since, {})[counter] = reading.value
            counted[counter] = reading._replace(value=total, since=None)
        for process, values in answered.items():
            self._remember(process, values, now)
        yield from counted.values()

    def _increase(self, counter: Counter, process: Process, value: float) -> float:
        name, began = process
        known = self._seen.get(process)
        if known is not None:
            return max(0.0, value - known.get(counter, 0.0))
        return value if began > self._answered.get(name, float("inf")) else 0.0

    def _remember(self, process: Process, values: dict[Counter, float], now: float) -> None:
        name, _ = process
        # The one that answered last is remembered longest.
        self._seen[process] = self._seen.pop(process, {}) | values
        self._answered[name] = now
        if len(same := [other for other in self._seen if other[0] == name]) > self.REMEMBERED:
            del self._seen[same[0]]
