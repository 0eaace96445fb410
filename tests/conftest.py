"""What all tests share: a fake clock, and no skipping of what CI can have."""

import asyncio
import os
import selectors
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
