"""Readings put together again: usage, limit and ceiling of each quota as one record, for people and scripts."""

from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from quota_exporter.account import Account
from quota_exporter.families import CEILING, LIMIT, USAGE
from quota_exporter.model import Quota, Target
from quota_exporter.snapshot import Column

MEASURES = {USAGE: "usage", LIMIT: "limit", CEILING: "ceiling"}


class Standing(NamedTuple):
    """How close a quota of a target is to its bounds; what nobody told is None."""

    target: Target
    quota: Quota
    resource: str
    usage: float | None = None
    limit: float | None = None
    ceiling: float | None = None

    @property
    def ratio(self) -> float | None:
        """Usage by limit, or by ceiling where there is no limit; infinite where anything is used of nothing.

        None where that cannot be said: where one of them is unknown, or nothing is used of nothing.
        """
        bound = self.limit if self.limit is not None else self.ceiling
        if self.usage is None or bound is None:
            return None
        if bound == 0:
            return inf if self.usage > 0 else None
        return self.usage / bound


def standings(account: Account) -> Iterator[Standing]:
    """Every quota of an account, one per resource; a region at a time, so that callers can pause in between."""
    by_target: dict[Target, list[tuple[str, Column]]] = {}
    for entry in account.entries.values():
        for (target, family), column in entry.columns():
            if family in MEASURES and (target.provider, target.account) == account.key:
                by_target.setdefault(target, []).append((MEASURES[family], column))
    for target, columns in by_target.items():
        found: dict[tuple[str, str, str], tuple[Quota, dict[str, float]]] = {}
        for measure, (rows, values) in columns:
            for (quota, resource), value in zip(rows.keys, values, strict=True):
                if isinstance(quota, Quota):
                    place = (quota.service_code, quota.quota_code, resource)
                    found.setdefault(place, (quota, {}))[1][measure] = value
        for (_, _, resource), (quota, numbers) in found.items():
            yield Standing(target, quota, resource, **numbers)
