"""What is known of an account: its jobs, what each read last, and the segments made of that."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from quota_exporter.errors import ApiError
from quota_exporter.exposition import Segment
from quota_exporter.families import Family
from quota_exporter.model import JobId, Target
from quota_exporter.snapshot import Column, Layer, Place
from quota_exporter.tally import Tally

Standing = dict[Place, tuple[Column, ...]]
"""Columns that stand, by target and family."""


@dataclass(slots=True)
class Entry:
    """What is known of a job.

    Attributes:
        layers: Readings that stand, newest first; more than one only after polls that failed in part.
        errors: What failed in the last poll.
        tried: When it was last polled, in seconds since 1970; None before the first time.
        succeeded: When it was last polled with success, likewise.
        max_age: Seconds after which a layer vanishes.
    """

    job: JobId
    max_age: float
    layers: list[Layer] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    errors: tuple[ApiError, ...] = ()
    tried: float | None = None
    succeeded: float | None = None
    dropped: int = 0

    def rename(self, job: JobId) -> None:
        """Takes another name of the job's account, which is no part of its identity, for what was read before too."""
        self.job = job
        for layer in self.layers:
            renamed = {(job.target if target == job.target else target, of): c for (target, of), c in layer.columns.items()}
            layer.columns.clear()
            layer.columns.update(renamed)

    def columns(self) -> Iterator[tuple[Place, Column]]:
        """All columns that stand."""
        for layer in self.layers:
            yield from layer.columns.items()

    def standing(self) -> Standing:
        """The same by target and family: of each one column, and more only after polls that failed in part."""
        found: Standing = {}
        for place, column in self.columns():
            found[place] = (*found.get(place, ()), column)
        return found

    def series(self) -> int:
        """How many series stand."""
        return sum(len(column.values) for _, column in self.columns())


AccountKey = tuple[str, str]
"""Provider and account."""


def key_of(target: Target) -> AccountKey:
    """The account of a target."""
    return (target.provider, target.account)


@dataclass(slots=True)
class Account:
    """What is known of an account: its jobs, and their readings as segments."""

    key: AccountKey
    entries: dict[JobId, Entry] = field(default_factory=dict)
    segments: dict[Family, tuple[Segment, ...]] = field(default_factory=dict)
