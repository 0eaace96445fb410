"""Whether anybody has to wait while a million series are scraped and polled.

The server is probed from another process, and watches its own event loop. A trivial server is probed and watches in the
same seconds: what it is late by, the machine and the probe are to blame for.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import NamedTuple

from tests.bench.client import scrape
from tests.bench.processes import Child
from tests.bench.table import MEGA, Row, bounded, count, duration

ROUNDS = 4
SECONDS = 5.5
"""Of each kind of load per round; the load is there after the first half second, then every five."""

Figures = dict[str, float]


class Seen(NamedTuple):
    """What was seen in one round: by the probes, and by the loops themselves."""

    ours: Figures
    trivial: Figures
    our_loop: Figures
    trivial_loop: Figures


class Bench:
    """The server, the trivial one, and a probe for each."""

    def __init__(self, stack: ExitStack, series: int) -> None:
        self.server = stack.enter_context(Child("server"))
        self._trivial = stack.enter_context(Child("trivial"))
        self.port = self.server.answer()
        self._probes = [stack.enter_context(Child("probe", port)) for port in (self.port, self._trivial.answer())]
        for probe in self._probes:
            probe.answer()
        self.server.ask(f"fill {series}")
        self._both("watch")

    def _both(self, command: str) -> list[Figures]:
        return [child.ask(command) for child in (self.server, self._trivial)]

    def look(self, load: Callable[[], object]) -> Seen:
        """What is seen while something happens."""
        time.sleep(0.2)
        self._both("seen")
        for probe in self._probes:
            probe.tell(f"run {SECONDS}")
        time.sleep(0.5)
        load()
        ours, trivial = [probe.answer() for probe in self._probes]
        return Seen(ours, trivial, *self._both("seen"))

    def scrapes(self) -> None:
        """One scrape of each encoding."""
        scrape(self.port, "gzip")
        time.sleep(1)
        scrape(self.port, "identity")


def run(quick: bool) -> Iterator[Row]:
    """Three rows per load."""
    series = 100_000 if quick else MEGA
    with ExitStack() as stack:
        bench = Bench(stack, series)
        loads: dict[str, tuple[int, Callable[[], object]]] = {
            "nothing": (0, lambda: None),
            "scrape gzip": (0, partial(scrape, bench.port, "gzip")),
            "scrape identity": (0, partial(scrape, bench.port, "identity")),
            "17 polls/s": (1, lambda: None),
            "17 polls/s and both scrapes": (1, bench.scrapes),
        }
        seen: dict[str, list[Seen]] = {name: [] for name in loads}
        for _ in range(ROUNDS):
            for name, (updates, load) in loads.items():
                bench.server.ask(f"update {updates}")
                seen[name].append(bench.look(load))
    for name, rounds in seen.items():
        yield from _rows(f"{name}, {count(series)}", rounds)


def _rows(name: str, rounds: list[Seen]) -> Iterator[Row]:
    """Medians of the rounds; the worst of all of them where it is about the worst."""

    def both(what: str, of: Callable[[Iterator[float]], float]) -> tuple[str, str]:
        return duration(of(r.ours[what] for r in rounds)), duration(of(r.trivial[what] for r in rounds))

    p50, worst = both("p50", median), both("max", max)
    p99 = median(r.ours["p99"] for r in rounds)
    yield Row(f"/-/healthy p50, max: {name}", f"{p50[0]}, {worst[0]}", f"{p50[1]}, {worst[1]}")
    yield bounded(f"/-/healthy p99: {name}", p99, 0.010, duration, median(r.trivial["p99"] for r in rounds))
    stall = max(r.our_loop["max"] for r in rounds)
    yield bounded(f"longest stall of the loop: {name}", stall, 0.025, duration, max(r.trivial_loop["max"] for r in rounds))
