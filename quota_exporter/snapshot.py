"""Snapshots: the readings of one poll as columns of numbers beside shared rows of label text.

An object per reading kept for ever costs ten times the memory of columns, and long pauses of the garbage collector. So
readings live only until they are posted; what stays is an array of doubles per target and family, and one `Rows` object
that all targets with the same quotas share.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence, Set
from math import isfinite
from typing import NamedTuple
from weakref import WeakValueDictionary

from quota_exporter.exposition import Fragments, fragments
from quota_exporter.families import Family
from quota_exporter.model import IncreaseRequest, Quota, Reading, Subject, Target

Key = tuple[Subject, str]
"""What a row is about, and the resource."""


def labels(key: Key) -> tuple[tuple[str, str], ...]:
    """The labels of a row beside its target's."""
    subject, resource = key
    if isinstance(subject, Quota):
        return (("quota_code", subject.quota_code), ("resource", resource), ("service_code", subject.service_code))
    if isinstance(subject, IncreaseRequest):
        quota = (("quota_code", subject.quota_code), ("resource", resource), ("service_code", subject.service_code))
        return (*quota, ("status", subject.status))
    return (("operation", subject.operation), ("reason", subject.reason), ("service_code", subject.service_code))


class Rows:
    """The label side of a column; shared by all columns with the same keys.

    Attributes:
        repeated: Indexes of rows whose labels an earlier row has too, such as those of a quota told with other facts.
    """

    __slots__ = ("__weakref__", "fragments", "keys", "repeated")

    def __init__(self, keys: tuple[Key, ...]):
        self.keys = keys
        self.fragments: tuple[Fragments, ...] = tuple(fragments(labels(key)) for key in keys)
        first: dict[Fragments, int] = {}
        self.repeated = frozenset(i for i, labels_ in enumerate(self.fragments) if first.setdefault(labels_, i) != i)


class Column(NamedTuple):
    """One family of one target: as many values as rows."""

    rows: Rows
    values: "array[float]"


Place = tuple[Target, Family]
Columns = dict[Place, Column]


class Layer(NamedTuple):
    """What one poll read, or what of it still stands.

    Attributes:
        at: When it was polled, on a clock that only ever goes forward.
    """

    at: float
    columns: Columns


class Pool:
    """Makes columns of readings, with one `Rows` object for equal keys."""

    def __init__(self) -> None:
        self._rows: WeakValueDictionary[tuple[Key, ...], Rows] = WeakValueDictionary()

    def rows(self, keys: tuple[Key, ...]) -> Rows:
        """The rows of these keys; the same object for equal keys."""
        rows = self._rows.get(keys)
        if rows is None:
            self._rows[keys] = rows = Rows(keys)
        return rows

    def columns(self, readings: Iterable[Reading], before: Mapping[Place, Sequence[Column]]) -> tuple[Columns, int]:
        """The readings as columns, and how many were no finite number or told twice; `before` saves work where alike."""
        found: dict[Place, dict[Key, float]] = {}
        dropped = 0
        for target, quota, measure, value, resource, _ in readings:
            column = found.setdefault((target, measure), {})
            key = (quota, resource)
            if key in column or not isfinite(value):
                dropped += 1
            else:
                column[key] = value
        columns = {}
        for place, column in found.items():
            keys = tuple(column)
            known = before.get(place)
            rows = known[0].rows if known and known[0].rows.keys == keys else self.rows(keys)
            columns[place] = Column(rows, array("d", column.values()))
            if rows.repeated:
                dropped += self._without(columns, place, rows.repeated)
        return columns, dropped

    def without(self, columns: Columns, place: Place, taken: set[Fragments]) -> int:
        """Takes the rows with these labels out of a column; returns how many."""
        return self._without(columns, place, {i for i, own in enumerate(columns[place].rows.fragments) if own in taken})

    def _without(self, columns: Columns, place: Place, taken: Set[int]) -> int:
        rows, values = columns[place]
        kept = [index for index in range(len(values)) if index not in taken]
        if kept:
            columns[place] = Column(self.rows(tuple(rows.keys[i] for i in kept)), array("d", [values[i] for i in kept]))
        else:
            del columns[place]
        return len(values) - len(kept)
