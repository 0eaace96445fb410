"""Every source, replayed: recorded answers must become exactly the expected exposition."""

import os
from pathlib import Path

import pytest

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from quota_exporter.errors import ApiError
from quota_exporter.exposition import identity_body
from quota_exporter.model import JobId, Reading, Target
from quota_exporter.providers.kubernetes import KUBERNETES
from tests.replay import KubernetesReplay

CASES = sorted(path for path in (Path(__file__).parent / "replay").iterdir() if path.is_dir() and path.name[0] != "_")
SOURCES = {source.name: source for source in KUBERNETES.sources}
TARGET = Target("kubernetes", "prod")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_replay(case: Path) -> None:
    """The answers of a folder become its `expected.prom`; `BLESS=1` writes it anew, to be read before it is committed."""
    api = KubernetesReplay(case)
    source = SOURCES[case.name.partition(".")[0].removeprefix("kubernetes-")]
    expected = case / "expected.prom"

    found = list(await source.ask(api, TARGET))
    text = exposition(source.name, found)

    if os.environ.get("BLESS"):
        expected.write_text(text)
    assert api.done()
    assert text == expected.read_text()


def test_every_source_is_replayed() -> None:
    """No source is without a recording."""
    assert {case.name.partition(".")[0].removeprefix("kubernetes-") for case in CASES} == SOURCES.keys()


def exposition(source: str, found: list[Reading | ApiError]) -> str:
    """What a poll with these findings makes of an empty board; times left out."""
    board = Board(Budget())
    job = JobId(source, TARGET)
    board.add(job, 60)
    board.post(job, [f for f in found if not isinstance(f, ApiError)], [f for f in found if isinstance(f, ApiError)], 0.0)
    for _ in board.settle():
        pass
    lines = b"".join(identity_body(board.segments("text"))).decode().split("\n")
    return "\n".join(line for line in lines if "last_success" not in line)
