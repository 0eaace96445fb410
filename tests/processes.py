"""Processes that tests and the benchmark start: what they write, and their end, by their own id."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

ROOT = Path(__file__).parent.parent
EXPORTER = (sys.executable, "-m", "quota_exporter")
"""The exporter as its users start it."""

STOPS_WITHIN = 5.0
"""Seconds that a program may take to end when it is asked to."""

T = TypeVar("T")


def end(process: "subprocess.Popen[str]") -> None:
    """Ends a process of ours: politely, then not."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    process.terminate()
    try:
        process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def eventually(ask: Callable[[], T], seconds: float = 30.0) -> T:
    """Asks again and again until the answer is something; after so many seconds, nothing is a failure."""
    until = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < until, f"still {answer!r} after {seconds:g} s"
        time.sleep(0.02)
    return answer


class Program:
    """A program in a process of its own; use it with `with`.

    Attributes:
        process: The process.
    """

    def __init__(self, output: Path, *command: object, **environ: str) -> None:
        self._output = output
        with output.open("wb") as sink:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                text=True,
                env=os.environ | environ,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        end(self.process)

    def written(self) -> str:
        """All that it wrote so far, to either stream."""
        return self._output.read_text()

    def told(self, pattern: str) -> str:
        """Waits until it writes something; returns the first group."""

        def look() -> str:
            ended = self.process.poll()
            found = re.search(pattern, self.written())
            assert found or ended is None, f"ended with exit code {ended}:\n{self.written()}"
            return found[1] if found else ""

        return eventually(look)

    def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal, and waits for the end; returns the exit code.

        Raises:
            TimeoutExpired: It goes on.
        """
        self.process.send_signal(number)
        return self.process.wait(STOPS_WITHIN)
