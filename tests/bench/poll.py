"""What a poll costs once its readings are there: posting 200 of them, and rendering what they change."""

import random
import sys
import time
from collections.abc import Iterator
from statistics import median

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from tests.bench.control import obey, tell
from tests.bench.data import FLEET_INTERVAL, FLEET_TARGETS, SERIES_PER_TARGET, job, readings
from tests.bench.fleet import NOW, fill, settle
from tests.bench.processes import Child
from tests.bench.table import MEGA, Row, count, duration

POLLS = 200
REPEATS = 9


class Polls:
    """A filled board, and polls of random targets of it."""

    def __init__(self, targets: int) -> None:
        self._targets = targets
        self._turn = 0
        self._board = Board(Budget())
        fill(self._board, 0, targets)

    def measure(self, changed: float) -> tuple[float, float]:
        """CPU of a poll: to post it, and to render it."""
        posting = rendering = 0.0
        self._turn += 1
        for number in random.Random(self._turn).sample(range(self._targets), POLLS):
            if not changed:
                self._board.post(job(number), readings(number, self._turn), (), NOW)
                settle(self._board)
            found = readings(number, self._turn)
            began = time.process_time()
            self._board.post(job(number), found, (), NOW + self._turn)
            posted = time.process_time()
            settle(self._board)
            posting += posted - began
            rendering += time.process_time() - posted
        return posting / POLLS, rendering / POLLS


def run(quick: bool) -> Iterator[Row]:
    """A row for polls that found other usages, and one for polls that found the same."""
    series = 100_000 if quick else MEGA
    with Child("poll", series) as child:
        child.answer()
        found: dict[int, list[tuple[float, float]]] = {1: [], 0: []}
        for _ in range(REPEATS):
            for changed, figures in found.items():
                figures.append(child.ask(f"measure {changed}"))
    for changed, figures in found.items():
        post, render = (median(figure[index] for figure in figures) for index in (0, 1))
        name = f"a poll of {SERIES_PER_TARGET} readings, {'usages changed' if changed else 'nothing changed'}, CPU"
        share = f"{(post + render) * FLEET_TARGETS / FLEET_INTERVAL:.1%} of a core for the fleet"
        yield Row(f"{name}, {count(series)}", f"{duration(post)} post + {duration(render)} render = {share}")


if __name__ == "__main__":
    polls = Polls(int(sys.argv[1]) // SERIES_PER_TARGET)
    tell("filled")
    obey({"measure": polls.measure})
