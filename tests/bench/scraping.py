"""How long a scrape takes, against prometheus-client's server with a custom collector over the same readings.

The page as it is has the families of facts and of polls in addition, half as many lines again, which are not counted;
without facts both pages tell the same.
"""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from tests.bench.client import scrape
from tests.bench.processes import Child
from tests.bench.table import MEGA, Row, count, faster, interleaved, megabytes, word

TARGETS = {"gzip": 1000.0, "identity": 60.0}
"""How many times faster, at a million series."""

COUNTED = (b"quota_usage{", b"quota_limit{")


def run(quick: bool) -> Iterator[Row]:
    """Two rows per number of series and encoding, and one of memory."""
    for series in (10_000, 100_000) if quick else (10_000, 100_000, MEGA):
        with ExitStack() as stack:
            children = [stack.enter_context(child) for child in (Child("server"), Child("server"), Child("reference", series))]
            ports = [child.answer() for child in children]
            ours, bare, reference = children
            for child in (ours, bare):
                child.ask(f"fill {series}")
            bare.ask("bare")
            if series == 10_000:
                yield _same([ports[0], ports[2]], series)
            for encoding in TARGETS:
                yield from _compare(ports, series, encoding)
            # Idle again, prometheus-client has given back what rendering took.
            mine, theirs = (f"{megabytes(child.rss())}, {megabytes(child.peak())}" for child in (ours, reference))
            ratio = f"{reference.peak() / ours.peak():.3g}x less"
            yield Row(f"memory after scrapes, and at most, {count(series)}", mine, theirs, ratio)


def _same(ports: list[int], series: int) -> Row:
    """Whether both pages tell the same: each line once, in each encoding."""
    found = [
        sorted(line for line in scrape(port, encoding, keep=True).body.split(b"\n") if line.startswith(COUNTED))
        for port, encoding in itertools.product(ports, TARGETS)
    ]
    same = all(lines == found[0] for lines in found) and len(set(found[0])) == len(found[0]) == series
    texts = [f"{len(lines)} lines" for lines in found]
    return Row(f"same samples, {count(series)}", texts[0], texts[-1], "equal" if same else "different", "equal", word(same))


def _compare(ports: list[int], series: int, encoding: str) -> Iterator[Row]:
    """Ours, ours without facts, and the reference, in turns."""
    measures = [partial(_seconds, port, encoding) for port in ports]
    if series < MEGA:
        ours, bare, reference = interleaved(15 if series < 100_000 else 5, *measures)
    else:
        # One scrape of the reference takes as long as hundreds of ours.
        ours, bare = interleaved(5, *measures[:2])
        reference = []
        for _ in range(2):
            reference.append(measures[2]())
            for known, more in zip((ours, bare), interleaved(5, *measures[:2]), strict=True):
                known.extend(more)
    at_least = TARGETS[encoding] if series == MEGA else None
    for name, port, figures in (("", ports[0], ours), (", without facts", ports[1], bare)):
        size = megabytes(scrape(port, encoding).size / 1e6)
        yield faster(f"scrape {encoding}, {count(series)}{name} ({size})", figures, reference, at_least)


def _seconds(port: int, encoding: str) -> float:
    return scrape(port, encoding).seconds
