"""What all tests share: a fake clock, exporters that are served, and no skipping of what CI can have."""

import asyncio
import os
import selectors
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from quota_exporter.cli.exporter import Exporter
from quota_exporter.demo import faults
from quota_exporter.demo.apiserver import Apiserver
from tests.sites import Site, site_of

CAPTURES = Path(__file__).parent.parent / "quota_exporter" / "demo" / "captures" / "kubernetes"


class FakeTimeSelector(selectors.SelectSelector):
    """Never waits: moves the clock on instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; when nothing is, the time of the next timer comes at once."""
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose hours pass in microseconds."""

    def __init__(self) -> None:
        self.selector = FakeTimeSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self.selector.now


@pytest.fixture
def fake_time() -> Iterator[FakeTimeLoop]:
    """A loop with a fake clock; `run_until_complete` what is to be tested."""
    loop = FakeTimeLoop()
    yield loop
    loop.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """An exporter that polls nothing: what is on its board is posted by hand."""
    async with site_of(Exporter(None)) as running:
        yield running


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Site]:
    """An exporter that polled a cluster once; its pods may not be listed."""
    async with Apiserver() as server:
        server.answers["/api/v1/pods"] = faults.denied("pods")
        config = tmp_path / "config.yaml"
        entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(tmp_path)), "calls_per_second": 1000}
        config.write_text(yaml.safe_dump({"kubernetes": [entry]}))
        exporter = Exporter(config)
        await exporter.reload()
        await exporter.poller.once()
        async with site_of(exporter) as running:
            running.settle()
            yield running


def needs(program: str) -> pytest.MarkDecorator:
    """Skips a test, with one line that says what is missing, where a Debian package is not installed."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test is a failure: CI can have all that is needed."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped") and exitstatus == 0:
        reporter.write_line("failed: tests were skipped, and CI can have what they need", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
