"""How fast, how big and how polite the polling of AWS is: 500 accounts, 4 regions, 20 services, against a fake AWS beside it.

Two things are polled. *Limits and metrics* are what goes without boto3, of the whole fleet. *All* is what is polled by
default, of some accounts: boto3 takes two thirds of it, and the whole fleet would take the benchmark half an hour.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Any, NamedTuple

from tests.bench.aws_fleet import REGIONS, rows
from tests.bench.processes import Child
from tests.bench.stall import Wait, without
from tests.bench.table import Row, bounded, duration, faster, megabytes, percentile, word

ACCOUNTS = 500
SAMPLE = 12
"""Accounts of which all is polled."""

NAIVE = 10
"""Accounts for which sessions are made; the rest is reckoned."""

EVERY = 0.05
"""Seconds between two questions of a probe: fewer than a loop with busy threads beside it takes would queue up."""

PAUSE = 0.005
P99 = 0.010
MEMORY = 500.0
ROUNDS = 3
LATENCY = 0.2
"""Seconds that AWS takes to answer, where that matters."""


class Seen(NamedTuple):
    """A poll of many jobs.

    Attributes:
        cpu: Of the exporter, in seconds.
        calls: By operation.
        waits: Of who asked `/-/healthy` meanwhile, pauses of the machine left out; the same of a trivial server.
        stall: The longest time that the loop kept a task waiting.
    """

    seconds: float
    cpu: float
    calls: dict[str, int]
    waits: list[float]
    trivial: list[float]
    stall: float

    @property
    def made(self) -> int:
        """Calls of any kind."""
        return sum(self.calls.values())


class Bench:
    """A fake AWS, an exporter, a trivial server, and a probe for each of the latter two."""

    def __init__(self, stack: ExitStack, entry: str, accounts: int) -> None:
        self.cloud = stack.enter_context(Child("aws_server"))
        self.exporter = stack.enter_context(Child("aws_exporter", self.cloud.answer(), entry, accounts))
        self._trivial = stack.enter_context(Child("trivial"))
        self._watched = (self.exporter, self._trivial)
        self._probes = [stack.enter_context(Child("probe", child.answer())) for child in self._watched]
        for probe in self._probes:
            probe.answer()
        for child in self._watched:
            child.ask("watch")
        self.poll(1)

    def poll(self, discovery: int, share: float = 1.0) -> Seen:
        """Looks for targets, or polls the jobs of a share of the accounts once."""
        for child in (*self._watched, self.cloud):
            child.ask("forget" if child is self.cloud else "seen")
        self.exporter.ask(f"start {discovery} {share}")
        waits: list[list[float]] = [[], [], []]
        while (took := self.exporter.ask("done")) is None:
            for probe in self._probes:
                probe.tell(f"run 2 {EVERY}")
            probed = [probe.answer() for probe in self._probes]
            loops: list[list[Wait]] = [child.ask("seen") for child in self._watched]
            pauses = [(due, late) for due, late in loops[1] if late > PAUSE]
            for kept, found in zip(waits, (*probed, loops[0]), strict=True):
                kept.extend(without(pauses, found))
        ours, trivial, loop = waits
        return Seen(took["seconds"], took["cpu"], self.cloud.ask("calls"), ours, trivial, max(loop, default=0.0))


def run(quick: bool) -> Iterator[Row]:
    """Clients, calls, and polls."""
    yield from _calls(quick)
    yield from _fleet(ACCOUNTS // 10 if quick else ACCOUNTS)
    yield from _sample(SAMPLE // 3 if quick else SAMPLE)


def _calls(quick: bool) -> Iterator[Row]:
    """What a call costs, against boto3 in 64 threads, and what it costs to have clients."""
    with ExitStack() as stack:
        cloud = stack.enter_context(Child("aws_server"))
        port = cloud.answer()
        ours, theirs, clients = (stack.enter_context(Child("aws_client", port, side)) for side in ("ours", "boto3", "clients"))
        for child in (ours, theirs, clients):
            child.answer()
        sides = ((ours, 4), (theirs, 1))
        for command, times, name in (
            ("quotas", 100, "page of 100 quotas"),
            ("points", 10, "points of 500 metrics"),
        ):
            yield from _compare(sides, command, times, name)
        cloud.ask(f"latency {LATENCY}")
        yield from _compare(sides, "quotas", 400, f"page of 100 quotas, answers take {duration(LATENCY)}", rounds=1)
        seconds, size = clients.ask(f"shared {ACCOUNTS}")
        naive, naive_size = (figure / NAIVE * ACCOUNTS for figure in clients.ask(f"naive {NAIVE}"))
        question = (
            f"clients of one service, {ACCOUNTS} accounts x {len(REGIONS)} regions, against a session per account ({NAIVE} made)"
        )
        yield faster(question, [seconds], [naive])
        yield Row("memory of the same", megabytes(size), megabytes(naive_size), f"{naive_size / max(size, 0.1):.3g}x less")


def _compare(sides: Any, command: str, times: int, name: str, rounds: int = ROUNDS) -> Iterator[Row]:
    """Time and CPU of a call, ours and boto3's in turns."""
    walls: list[list[float]] = [[], []]
    cpus: list[list[float]] = [[], []]
    for child, more in sides:
        child.ask(f"{command} {times * more}")
    for _ in range(rounds):
        for number, (child, more) in enumerate(sides):
            seconds, cpu = child.ask(f"{command} {times * more}")
            walls[number].append(seconds / times / more)
            cpus[number].append(cpu / times / more)
    at_least = None if rounds == 1 else 3.0
    yield faster(f"AWS, CPU per {name}", cpus[0], cpus[1], at_least)
    yield faster(f"AWS, time per {name}, 64 at once", walls[0], walls[1], at_least)


def _fleet(accounts: int) -> Iterator[Row]:
    """Limits and metrics of the whole fleet."""
    services = len({row.service for row in rows()})
    name = f"limits and metrics of {accounts} x {len(REGIONS)} x {services}"
    with ExitStack() as stack:
        bench = Bench(stack, "thin", accounts)
        seen = bench.poll(0)
        told = bench.exporter.ask("told")
        yield from _polled(name, seen, told)
        yield bounded(f"memory: {name}, then and at most", bench.exporter.rss(), MEMORY, megabytes, bench.exporter.peak())


def _sample(accounts: int) -> Iterator[Row]:
    """All of some accounts: first of half of them, again, and then of all."""
    name = f"all of {accounts // 2} x {len(REGIONS)}"
    with ExitStack() as stack:
        bench = Bench(stack, "whole", accounts)
        first = bench.poll(0, 0.5)
        half, told = bench.exporter.rss(), bench.exporter.ask("told")
        yield from _polled(name, first, told)
        again = bench.poll(0, 0.5)
        yield Row(f"calls per quota: {name}, once more", f"{again.made / told['quotas']:.2f}")
        yield Row(f"CPU: {name}, once more", duration(again.cpu), ratio=f"{duration(again.cpu / again.made)} per call")
        yield from _healthy(f"{name}, once more", again)
        before = bench.exporter.rss()
        bench.poll(0)
        slope = (bench.exporter.rss() - before) / (accounts - accounts // 2)
        yield Row(f"memory: {name}", megabytes(half), ratio=f"{megabytes(slope)} per further account")
        reckoned = before + slope * (ACCOUNTS - accounts // 2)
        yield bounded(f"memory: all of {ACCOUNTS} x {len(REGIONS)}, reckoned", reckoned, MEMORY, megabytes)


def _polled(name: str, seen: Seen, told: dict[str, Any]) -> Iterator[Row]:
    """What a poll tells of itself."""
    bound, bucket = told["bound"]
    boto3 = sum(count for operation, count in seen.calls.items() if not operation.startswith(("servicequotas.", "monitoring.")))
    yield Row(
        f"polled once: {name}, against the bound of {bucket} budgets",
        duration(seen.seconds),
        duration(bound),
        f"{seen.seconds / max(bound, 1e-9):.3g}x",
    )
    yield Row(
        f"calls: {name} ({boto3} of boto3)",
        f"{seen.made}, {seen.made / seen.seconds:.4g}/s",
        ratio=f"{duration(seen.cpu / seen.made)} CPU per call",
    )
    yield Row(f"calls per quota: {name}", f"{seen.made / told['quotas']:.2f}", reference=f"{told['quotas']} quotas")
    failed = told["failed"]
    yield Row(f"failed jobs: {name}", f"{failed} of {told['jobs']}", target="0", met=word(not failed))
    yield from _healthy(name, seen)


def _healthy(name: str, seen: Seen) -> Iterator[Row]:
    """How long who asks for health waits meanwhile."""
    ours, trivial = (percentile(waits or [0.0], 0.99) for waits in (seen.waits, seen.trivial))
    yield bounded(f"/-/healthy p99: {name}", ours, P99, duration, trivial)
    middle = median(seen.waits or [0.0])
    yield Row(f"/-/healthy p50, longest stall of the loop: {name}", f"{duration(middle)}, {duration(seen.stall)}")
