"""How much memory the exporter takes: idle, and with a fleet on its board."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.client import scrape
from tests.bench.processes import Child, config_in, exporter
from tests.bench.table import MEGA, Row, bounded, count, megabytes

REPEATS = 3
SIZES = (0, 100_000, 200_000, MEGA)


def run(quick: bool) -> Iterator[Row]:
    """A row per state."""
    yield bounded("memory idle, one cluster that refuses", median(_idle() for _ in range(REPEATS)), 55, megabytes)
    sizes = SIZES[:-1] if quick else SIZES
    found = [_filled(sizes) for _ in range(REPEATS)]
    at = {size: median(one[index] for one in found) for index, size in enumerate(sizes)}
    for size in sizes:
        question = f"memory of the server process, {count(size)}"
        yield bounded(question, at[size], 110, megabytes) if size == MEGA else Row(question, megabytes(at[size]))
    yield bounded("memory per further 100k, 100k to 200k", at[200_000] - at[100_000], 6, megabytes)
    if not quick:
        yield bounded("memory per further 100k, 200k to 1M", (at[MEGA] - at[200_000]) / 8, 6, megabytes)
    later = median(one[-1] for one in found)
    yield bounded(f"memory after every target was polled again, {count(sizes[-1])}", later, 110, megabytes)


def _idle() -> float:
    """The real command, some seconds after its start, once scraped."""
    with tempfile.TemporaryDirectory() as folder, exporter(config_in(Path(folder))) as (port, process, _):
        scrape(port, "gzip")
        time.sleep(2)
        return float(process.memory_info().rss / 1e6)


def _filled(sizes: tuple[int, ...]) -> list[float]:
    """With more and more series, and at last after another round of polls; always scraped in both encodings."""
    found = []
    with Child("server") as server:
        port = server.answer()
        for command in (*(f"fill {size}" for size in sizes), "turn"):
            server.ask(command)
            scrape(port, "gzip")
            scrape(port, "identity")
            found.append(server.rss())
    return found
