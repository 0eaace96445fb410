"""How long a scrape takes, against prometheus-client's server with a custom collector over the same readings.

Ours sends the families of facts and of polls in addition: half as many lines again, which are not counted.
"""

import itertools
from collections.abc import Iterator
from functools import partial

from tests.bench.client import scrape
from tests.bench.processes import Child
from tests.bench.table import MEGA, Row, count, faster, interleaved, megabytes, word

TARGETS = {"gzip": 1000.0, "identity": 60.0}
"""How many times faster, at a million series."""

COUNTED = (b"quota_usage{", b"quota_limit{")


def run(quick: bool) -> Iterator[Row]:
    """A row per number of series and encoding."""
    for series in (10_000, 100_000) if quick else (10_000, 100_000, MEGA):
        with Child("server") as ours, Child("reference", series) as reference:
            port, other = ours.answer(), reference.answer()
            ours.ask(f"fill {series}")
            if series == 10_000:
                yield _same(port, other, series)
            for encoding in TARGETS:
                yield _compare(port, other, series, encoding)
            memory = ours.rss(), reference.rss()
            ratio = f"{memory[1] / memory[0]:.3g}x less"
            yield Row(f"memory of both after that, {count(series)}", megabytes(memory[0]), megabytes(memory[1]), ratio)


def _same(port: int, other: int, series: int) -> Row:
    """Whether both pages tell the same: each line once, in each encoding."""
    found = [
        sorted(line for line in scrape(where, encoding, keep=True).body.split(b"\n") if line.startswith(COUNTED))
        for where, encoding in itertools.product((port, other), TARGETS)
    ]
    same = all(lines == found[0] for lines in found) and len(set(found[0])) == len(found[0]) == series
    numbers = [f"{len(lines)} lines" for lines in found]
    return Row(f"same samples, {count(series)}", numbers[0], numbers[2], "equal" if same else "different", "equal", word(same))


def _compare(port: int, other: int, series: int, encoding: str) -> Row:
    def seconds(where: int) -> float:
        return scrape(where, encoding).seconds

    question = f"scrape {encoding}, {count(series)}"
    if series < MEGA:
        mine, theirs = interleaved(15 if series < 100_000 else 5, partial(seconds, port), partial(seconds, other))
        return faster(question, mine, theirs)
    # One scrape of the reference takes as long as hundreds of ours.
    mine, theirs = [], []
    for _ in range(2):
        mine += [seconds(port) for _ in range(5)]
        theirs.append(seconds(other))
    mine += [seconds(port) for _ in range(5)]
    return faster(question, mine, theirs, TARGETS[encoding])
