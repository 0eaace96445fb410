"""The exporter's real web application and background rendering on a board that is filled without a cloud: a process."""

import asyncio
import itertools
import random
from urllib.parse import urlsplit

from quota_exporter.board import Board
from quota_exporter.cli.exporter import Exporter
from quota_exporter.cli.serve import served
from quota_exporter.families import INFO
from quota_exporter.web.app import application
from tests.bench.control import obey_meanwhile, tell
from tests.bench.data import FLEET_INTERVAL, FLEET_TARGETS, SERIES_PER_TARGET, job, readings
from tests.bench.fleet import NOW, fill
from tests.bench.stall import Watch


class Fleet:
    """The targets of a board, and their polls."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._targets = 0
        self._turns = itertools.count(1)
        self._updates: asyncio.Task[None] | None = None

    def fill(self, series: float) -> int:
        """Adds targets until there are so many series; renders them."""
        targets = int(series) // SERIES_PER_TARGET
        fill(self._board, self._targets, targets)
        self._targets = targets
        return targets

    def bare(self) -> None:
        """Leaves out the facts, which the reference does not tell."""
        for account in self._board.accounts():
            account.segments.pop(INFO, None)

    def turn(self) -> None:
        """Polls every target once more, as fast as it goes."""
        fill(self._board, 0, self._targets, next(self._turns))

    def update(self, on: float) -> None:
        """Starts or ends polling at the fleet's pace."""
        if self._updates is not None:
            self._updates.cancel()
        self._updates = asyncio.create_task(self._update()) if on else None

    async def _update(self) -> None:
        """Posts a poll of a target now and then, in the random order that a fleet of jobs has."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            turn = next(self._turns)
            for number in random.Random(turn).sample(range(self._targets), self._targets):
                self._board.post(job(number), readings(number, turn), (), NOW + turn)
                due += FLEET_INTERVAL / FLEET_TARGETS
                await asyncio.sleep(due - clock())


async def main() -> None:
    """Tells its port, then does what it is told."""
    exporter = Exporter(None)
    fleet = Fleet(exporter.board)
    watch = Watch()
    app = application(exporter.board, exporter.poller, exporter.own.registry, exporter.reload)
    async with served(app, [("127.0.0.1", 0)]) as urls, exporter.running():
        tell(urlsplit(urls[0]).port)
        await obey_meanwhile(
            {
                "fill": fleet.fill,
                "bare": fleet.bare,
                "turn": fleet.turn,
                "update": fleet.update,
                "watch": watch.on,
                "seen": watch.seen,
            }
        )


if __name__ == "__main__":
    asyncio.run(main())
