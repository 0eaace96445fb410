"""The exporter as a whole: board, budget, plan and poller wired together; what `serve`, `once` and `demo` run."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from quota_exporter.config import Config, from_environment, load
from quota_exporter.errors import ConfigError
from quota_exporter.own import Own
from quota_exporter.plan import Plan
from quota_exporter.poller import Poller

log = logging.getLogger(__name__)

RENDERING_SHARE = 0.2
"""The most of a core that rendering takes while much changes; a page is complete a little later then."""


def configuration(path: Path | None) -> Config:
    """The file's configuration, or what the environment offers where none is given.

    Raises:
        ConfigError: The file is wrong, or there is nothing to poll.
    """
    if path is not None:
        return load(path)
    found = from_environment()
    entries = list(found.entries())
    if not entries:
        raise ConfigError(
            "nothing to poll: no --config.file is given, and the environment offers no credentials "
            "(looked for a cluster's service account, $KUBECONFIG, ~/.kube/config, AWS_* variables and ~/.aws/credentials)"
        )
    for provider, entry in entries:
        log.info("no --config.file is given; polling %s: %s", provider.name, entry.label)
    return found


class Exporter:
    """Everything but the web.

    Attributes:
        path: The configuration file; None for what the environment offers.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.budget = Budget()
        self.board = Board(self.budget)
        self.plan = Plan(self.board, self.budget)
        self.own = Own(self.board.series, self.board.dropped, self.plan.targets)
        self.poller = Poller(self.board, observe=self.own.observe)
        self.plan.on_change = self.poller.replace

    async def load(self, config: Config) -> None:
        """Starts with a configuration.

        Raises:
            ConfigError: An entry cannot be opened.
        """
        await self.plan.load(config)

    async def reload(self) -> None:
        """Reads the configuration again; when it is wrong, nothing changes.

        Raises:
            ConfigError: It is wrong.
        """
        try:
            await self.plan.load(configuration(self.path))
        except ConfigError as error:
            self.own.reloaded(worked=False)
            log.error("the configuration was not reloaded, nothing changed: %s", error)
            raise
        self.own.reloaded(worked=True)
        log.info("the configuration was reloaded")

    @asynccontextmanager
    async def running(self, ended: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
        """Polls and renders in the background; ends both, and all connections, in the end.

        Args:
            ended: Is called when one of them ends. Where it did so by itself, which nothing foresees, its error is raised
                in the end: old numbers must not be served as if they were new.
        """
        tasks = [asyncio.create_task(self.poller.run(), name="poller"), asyncio.create_task(self._render(), name="render")]
        for task in tasks:
            task.add_done_callback(lambda _: ended())
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await self.plan.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _render(self) -> None:
        """Renders what changed, a little at a time."""
        clock = asyncio.get_running_loop().time
        while True:
            worked_since = clock()
            for _ in self.board.settle():
                worked = clock() - worked_since
                if worked > 0.002:
                    await asyncio.sleep(worked * (1 / RENDERING_SHARE - 1))
                    worked_since = clock()
            await asyncio.sleep(0.1)
