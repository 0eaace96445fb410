"""What rendering costs when every value changed, deflating included, against prometheus-client's generate_latest."""

import sys
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from quota_exporter.families import LIMIT, USAGE
from tests.bench.control import obey, tell
from tests.bench.data import SERIES_PER_TARGET, Reference, job, readings
from tests.bench.fleet import MAX_AGE, NOW, settle
from tests.bench.processes import Child
from tests.bench.table import MEGA, Row, count, faster


class Rendering:
    """Both, over the same readings."""

    def __init__(self, targets: int) -> None:
        self._targets = targets
        self._turn = 0
        self._board = Board(Budget())
        for number in range(targets):
            self._board.add(job(number), MAX_AGE)
        self._registry = CollectorRegistry()
        self._registry.register(Reference(targets))
        self.ours()

    def ours(self) -> float:
        """CPU of rendering all usages and limits anew, after each changed."""
        self._turn += 1
        for number in range(self._targets):
            found = [
                reading._replace(value=reading.value + self._turn) if reading.measure is LIMIT else reading
                for reading in readings(number, self._turn)
                if reading.measure in (USAGE, LIMIT)
            ]
            self._board.post(job(number), found, (), NOW + self._turn)
        began = time.process_time()
        settle(self._board)
        return time.process_time() - began

    def reference(self) -> float:
        """CPU of prometheus-client."""
        began = time.process_time()
        generate_latest(self._registry)
        return time.process_time() - began


def run(quick: bool) -> Iterator[Row]:
    """One row."""
    series = 100_000 if quick else MEGA
    with Child("render", series) as child:
        child.answer()
        ours, reference = [], []
        for _ in range(5 if quick else 1):
            ours += [child.ask("ours") for _ in range(3)]
            reference.append(child.ask("reference"))
        ours += [child.ask("ours") for _ in range(4)]
    yield faster(f"render everything, CPU, {count(series)}", ours, reference, 15)


if __name__ == "__main__":
    both = Rendering(int(sys.argv[1]) // SERIES_PER_TARGET)
    tell("filled")
    obey({"ours": both.ours, "reference": both.reference})
