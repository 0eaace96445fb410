"""How near an uncompressed scrape comes to the loopback itself: a process that only sends the same bytes."""

from collections.abc import Iterator

from tests.bench.client import scrape
from tests.bench.processes import Child
from tests.bench.table import MEGA, Row, count, interleaved, megabytes, within


def run(quick: bool) -> Iterator[Row]:
    """One row."""
    series = 100_000 if quick else MEGA
    with Child("server") as ours:
        port = ours.answer()
        ours.ask(f"fill {series}")
        with Child("sender", port) as sender:
            other = sender.answer()
            size = scrape(other, "identity").size / 1e6
            mine, bare = interleaved(15, lambda: scrape(port, "identity").seconds, lambda: scrape(other, "identity").seconds)
    yield within(f"scrape identity against bare sendall, {count(series)} ({megabytes(size)})", mine, bare, 1.5)
