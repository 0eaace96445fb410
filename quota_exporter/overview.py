"""Readings put together again: usage, limit and ceiling of each quota as one record, for people and scripts."""

from collections.abc import Iterator
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
        """Usage by limit, or by ceiling where there is no limit; None where that cannot be said."""
        bound = self.limit if self.limit is not None else self.ceiling
        return self.usage / bound if self.usage is not None and bound else None


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
