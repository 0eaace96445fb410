"""How long the exporter takes from exec to its first healthy answer, against an interpreter that does nothing."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.processes import config_in, exporter
from tests.bench.table import Row, bounded, duration, interleaved


def run(quick: bool) -> Iterator[Row]:
    """One row."""
    with tempfile.TemporaryDirectory() as folder:
        config = config_in(Path(folder))
        ours, bare = interleaved(7, lambda: _start(config), _bare)
    yield bounded("start to the first healthy answer (reference: python -c pass)", median(ours), 0.5, duration, median(bare))


def _start(config: Path) -> float:
    with exporter(config) as (_, _, seconds):
        return seconds


def _bare() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began
