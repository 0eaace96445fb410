"""The limit and the ceiling of a quota, whoever tells them."""

from collections.abc import Iterator
from typing import NamedTuple

from quota_exporter.errors import ApiError
from quota_exporter.families import CEILING, LIMIT
from quota_exporter.model import Quota, Reading, Target, TellsLimit
from quota_exporter.providers.aws.catalog import Row
from quota_exporter.providers.aws.counting import Numbers
from quota_exporter.providers.aws.limits import Limit, adjustable


class Bound(NamedTuple):
    """Who tells the limit of a row: Service Quotas, or a call of the row's own."""

    told: Limit | None
    own: Numbers | float | ApiError | None

    def errors(self) -> Iterator[ApiError]:
        """Why there is no limit."""
        if isinstance(self.own, ApiError):
            yield self.own
        if self.own is None and self.told is not None and self.told.error is not None:
            yield self.told.error

    def limit(self, resource: str = "") -> float | None:
        """Of the account, or of one resource."""
        if self.own is not None:
            return self.own.get("") if isinstance(self.own, dict) else self.own if isinstance(self.own, float) else None
        if self.told is None or self.told.error is not None:
            return None
        return self.told.resources.get(resource, self.told.value)

    def quota(self, row: Row, owned: bool = False) -> Quota:
        """The row with what Service Quotas says of it; `owned` where resources have limits that their owners set."""
        told = self.told
        source: TellsLimit = "provider" if owned or self.limit() is not None else ""
        if isinstance(self.own, float):
            source = "documented"
        elif not owned and self.own is None and told is not None and source:
            source = told.source
        return Quota(
            service_code=row.service,
            quota_code=row.quota,
            name=row.name,
            unit=f"{row.unit}/{told.period.text}" if row.kind == "rate" and told is not None and told.period else row.unit,
            kind=row.kind,
            adjustable=adjustable(row.adjustable) if told is None else told.adjustable,
            usage_source=row.usage_source,
            limit_source=source,
        )


def bounds(target: Target, quota: Quota, resource: str, limit: float | None, ceiling: float | None) -> Iterator[Reading]:
    """The readings of a limit, and of a ceiling that is never below it."""
    if limit is not None:
        yield Reading(target, quota, LIMIT, limit, resource)
    if quota.adjustable == "false":
        ceiling = limit
    elif ceiling is not None and limit is not None:
        ceiling = max(limit, ceiling)
    if ceiling is not None:
        yield Reading(target, quota, CEILING, ceiling, resource)
