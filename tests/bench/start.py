"""How long the exporter takes from exec to its first healthy answer, against interpreters that only start and import."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.processes import config_in, exporter
from tests.bench.table import Row, bounded, duration, interleaved, within

LIBRARIES = "aiohttp.web, prometheus_client, pydantic, yaml"


def run(quick: bool) -> Iterator[Row]:
    """A row per reference."""
    with tempfile.TemporaryDirectory() as folder:
        config = config_in(Path(folder))
        measures = [partial(_start, config), partial(_python, "pass"), partial(_python, f"import {LIBRARIES}")]
        ours, bare, imports = interleaved(7, *measures)
    yield bounded("start to the first healthy answer, against python -c pass", median(ours), 0.5, duration, median(bare))
    yield within(f"the same, against importing {LIBRARIES}", ours, imports)


def _start(config: Path) -> float:
    with exporter(config) as (_, _, seconds):
        return seconds


def _python(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began
