"""What several sources need of the same target, asked once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Shared:
    """Answers that are as good as new for a while.

    Attributes:
        clock: Seconds on a clock that only ever goes forward.
    """

    clock: Callable[[], float]
    _asked: dict[Hashable, tuple[float, "asyncio.Task[Any]"]] = field(default_factory=dict)

    async def cached(self, question: Hashable, ask: Callable[[], Awaitable[T]], every: float) -> T:
        """The answer to a question; asked again when it is older than `every` seconds, or when asking failed.

        Raises:
            ApiError: What `ask` raised; all who wait for the same answer get the same error.
        """
        now = self.clock()
        asked, task = self._asked.get(question, (now, None))
        if task is None or now - asked >= every or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.ensure_future(ask())
            # Those who asked may all be gone when it fails.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._asked[question] = (now, task)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ends what is being asked."""
        tasks = [task for _, task in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
