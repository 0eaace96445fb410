"""Whether anybody has to wait while a million series are scraped and polled.

The server is probed from another process, and watches its own event loop. A trivial server is probed and watches in the
same seconds: what it is late by, the machine and the probe are to blame for. While the trivial server gets no core for
some milliseconds, neither does ours: such pauses are told, and left out for both.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import NamedTuple

from tests.bench.client import scrape
from tests.bench.processes import Child
from tests.bench.stall import Wait, without
from tests.bench.table import MEGA, Row, bounded, count, duration, percentile, word

ROUNDS = 4
SECONDS = 5.5
"""Of each kind of load per round; the load is there after the first half second, then every five."""

PAUSE = 0.005
P99 = 0.010
STALL = 0.025


class Seen(NamedTuple):
    """What was seen in one round: by the probes, and by the loops themselves, pauses left out."""

    ours: list[float]
    trivial: list[float]
    our_loop: list[float]
    trivial_loop: list[float]
    pauses: list[Wait]


class Figures(NamedTuple):
    """Of a probe: medians of the rounds, and the longest wait of all."""

    p50: float
    p99: float
    max: float


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

    def _both(self, command: str) -> list[list[Wait]]:
        return [child.ask(command) for child in (self.server, self._trivial)]

    def look(self, load: Callable[[], object]) -> Seen:
        """What is seen while something happens."""
        time.sleep(0.2)
        self._both("seen")
        for probe in self._probes:
            probe.tell(f"run {SECONDS}")
        time.sleep(0.5)
        load()
        probed = [probe.answer() for probe in self._probes]
        loops = self._both("seen")
        pauses = [(due, late) for due, late in loops[1] if late > PAUSE]
        ours, trivial, our_loop, trivial_loop = (without(pauses, waits) for waits in (*probed, *loops))
        return Seen(ours, trivial, our_loop, trivial_loop, pauses)

    def scrapes(self) -> None:
        """One scrape of each encoding."""
        scrape(self.port, "gzip")
        time.sleep(1)
        scrape(self.port, "identity")


def run(quick: bool) -> Iterator[Row]:
    """Two rows per load, and one for the machine."""
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
    pauses = [length for rounds in seen.values() for r in rounds for _, length in r.pauses]
    share = sum(pauses) / (SECONDS * ROUNDS * len(seen))
    yield Row(
        "pauses of the machine, left out above", f"{len(pauses)}, longest {duration(max(pauses, default=0.0))}, {share:.1%}"
    )


def _rows(name: str, rounds: list[Seen]) -> Iterator[Row]:
    ours, trivial = _figures([r.ours for r in rounds]), _figures([r.trivial for r in rounds])
    mine, theirs = (f"{duration(f.p99)} ({duration(f.p50)}, {duration(f.max)})" for f in (ours, trivial))
    yield Row(
        f"/-/healthy p99 (p50, max): {name}",
        mine,
        theirs,
        ratio=f"{ours.p99 / trivial.p99:.2f}x",
        target=f"<= {duration(P99)}",
        met=word(ours.p99 <= P99),
    )
    stall = max((late for r in rounds for late in r.our_loop), default=0.0)
    other = max((late for r in rounds for late in r.trivial_loop), default=0.0)
    yield bounded(f"longest stall of the loop: {name}", stall, STALL, duration, other)


def _figures(rounds: list[list[float]]) -> Figures:
    p50, p99 = (median(percentile(answers, part) for answers in rounds) for part in (0.5, 0.99))
    return Figures(p50, p99, max(max(answers) for answers in rounds))
