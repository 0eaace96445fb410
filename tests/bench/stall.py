"""How long an event loop keeps its tasks waiting, seen from one of them."""

import asyncio

TICK = 0.001
WORTH_TELLING = 0.002

Wait = tuple[float, float]
"""When something was due, on the clock that all processes share, and how long it had to wait."""


class Watch:
    """A task that wants its turn every millisecond, and notes when it came late."""

    def __init__(self) -> None:
        self._late: list[Wait] = []
        self._task: asyncio.Task[None] | None = None

    def on(self) -> None:
        """Starts watching."""
        self._task = asyncio.create_task(self._watch())

    def seen(self) -> list[Wait]:
        """What was worth telling since this was asked last."""
        late, self._late = self._late, []
        return late

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + TICK
            await asyncio.sleep(TICK)
            late = clock() - due
            if late > WORTH_TELLING:
                self._late.append((due, late))


def without(pauses: list[Wait], waits: list[Wait]) -> list[float]:
    """How long each had to wait, but for the pauses."""
    return [
        took - sum(max(0.0, min(due + took, began + length) - max(due, began)) for began, length in pauses) for due, took in waits
    ]
