"""The exporter as a whole: what runs in the background does so until the end, or the process ends too."""

import asyncio
from pathlib import Path

import pytest

from quota_exporter.cli.exporter import Exporter
from quota_exporter.families import USAGE
from quota_exporter.model import JobId, Quota, Reading, Target

QUOTA = Quota("ec2", "L-1", "Name", "count", "allocation")


async def test_what_cannot_be_rendered_ends_all() -> None:
    """A failure of the background that nothing foresees is raised: old numbers are not served as if they were new."""
    exporter = Exporter(Path("unused"))
    job = JobId("broken", Target("aws", 123))  # type: ignore[arg-type]
    exporter.board.add(job, 60)
    exporter.board.post(job, [Reading(job.target, QUOTA, USAGE, 1)], (), 0)
    stop = asyncio.Event()

    with pytest.raises(AttributeError):
        async with exporter.running(stop.set):
            await asyncio.wait_for(stop.wait(), 10)


async def test_errors_of_the_body_stay_what_they_are() -> None:
    """What fails while all runs is raised as it is."""
    exporter = Exporter(Path("unused"))

    with pytest.raises(BrokenPipeError):
        async with exporter.running():
            raise BrokenPipeError
