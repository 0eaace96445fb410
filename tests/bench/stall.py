"""How long an event loop keeps its tasks waiting, seen from one of them."""

import asyncio

from tests.bench.table import percentile

TICK = 0.001


class Watch:
    """A task that wants its turn every millisecond, and notes by how much it came late."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._task: asyncio.Task[None] | None = None

    def on(self) -> None:
        """Starts watching."""
        self._task = asyncio.create_task(self._watch())

    def seen(self) -> dict[str, float]:
        """What was seen since this was asked last."""
        late, self._late = self._late, []
        return {"p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "max": max(late)}

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + TICK
            await asyncio.sleep(TICK)
            self._late.append(clock() - due)
