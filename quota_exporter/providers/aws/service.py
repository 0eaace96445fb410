"""The sources that are made of rows of the catalogue: usage, limit and ceiling of the quotas of a service."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from quota_exporter.errors import ApiError
from quota_exporter.families import OMITTED_RESOURCES, USAGE
from quota_exporter.model import Reading, Target
from quota_exporter.providers.aws import metrics
from quota_exporter.providers.aws.api import USD_PER_METRIC, AwsApi
from quota_exporter.providers.aws.bounds import Bound, bounds
from quota_exporter.providers.aws.catalog import Counted, Function, Metric, Row, RowSource, Value, actions
from quota_exporter.providers.aws.counting import Numbers, count
from quota_exporter.providers.aws.functions import FUNCTIONS, Standing, Standings
from quota_exporter.providers.aws.limits import DEFAULTS_EVERY, EVERY, Limit, UsageMetric, limits
from quota_exporter.source import Answer, Effort, Source, outcome

Code = tuple[str, str]
"""Service and quota."""

Told = Mapping[Code, Limit | None]
Usages = Mapping[Code, Standings | ApiError]


async def of_rows(api: AwsApi, target: Target, rows: Sequence[Row], every: float) -> Answer:
    """`quota_usage{quota_code="L-407747CB",resource="vpc-0a1b",service_code="vpc",…} 12.0`"""
    services = list(dict.fromkeys(row.service for row in rows))
    lists = dict(zip(services, await asyncio.gather(*(outcome(limits(api, service)) for service in services)), strict=True))
    errors = [found for found in lists.values() if isinstance(found, ApiError)]
    told = {_code(row): known.get(row.quota) for row in rows if not isinstance(known := lists[row.service], ApiError)}
    ways = (_by_metrics(api, rows, told, every, errors), _computed(api, rows))
    (counted, own), *others = await asyncio.gather(_counted(api, rows), *ways)
    usages = {code: usage for usages in (counted, *others) for code, usage in usages.items()}
    answer: list[Reading | ApiError] = []
    for row in rows:
        code = _code(row)
        bound = Bound(told.get(code), row.limit if isinstance(row.limit, float) else own.get(code))
        answer += _of_row(api, target, row, bound, usages.get(code, {}))
    # An error that several rows share is one.
    return list(dict.fromkeys([*answer, *errors]))


def _code(row: Row) -> Code:
    return (row.service, row.quota)


async def _counted(api: AwsApi, rows: Sequence[Row]) -> tuple[Usages, Mapping[Code, Numbers | ApiError]]:
    """Usages that are counted, and limits that stand elsewhere than in Service Quotas: often the same answer has both."""
    usages = {("usage", _code(row)): row.usage for row in rows if isinstance(row.usage, Counted)}
    limits_ = {("limit", _code(row)): row.limit for row in rows if isinstance(row.limit, Value)}
    found = await count(api, {**usages, **limits_})
    counted = {code: _standings(found["usage", code]) for _, code in usages}
    return counted, {code: found["limit", code] for _, code in limits_}


def _standings(numbers: Numbers | ApiError) -> Standings | ApiError:
    return numbers if isinstance(numbers, ApiError) else {resource: Standing(n) for resource, n in numbers.items()}


async def _computed(api: AwsApi, rows: Sequence[Row]) -> Usages:
    names = {_code(row): row.usage.function for row in rows if isinstance(row.usage, Function)}
    found = await asyncio.gather(*(outcome(FUNCTIONS[name](api)) for name in names.values()))
    return dict(zip(names, found, strict=True))


async def _by_metrics(api: AwsApi, rows: Sequence[Row], told: Told, every: float, errors: list[ApiError]) -> Usages:
    queries = {_code(row): query for row in rows if (query := _query(row, told.get(_code(row)), every)) is not None}
    if not queries:
        return {}
    worth = await outcome(metrics.active(api))
    if isinstance(worth, ApiError):
        # Where nobody says which metrics are worth their price, all are read.
        errors.append(worth)
    else:
        queries = {code: q for code, q in queries.items() if q.metric.namespace != metrics.USAGE or q.metric in worth}
    found = await outcome(metrics.read(api, queries))
    if isinstance(found, ApiError):
        return dict.fromkeys(queries, found)
    usages: dict[Code, Standings | ApiError] = {}
    for code, series in found.items():
        if isinstance(series, ApiError):
            usages[code] = series
        elif (value := _value(queries[code], series, told.get(code))) is not None:
            usages[code] = {"": Standing(value)}
    return usages


def _query(row: Row, limit: Limit | None, every: float) -> metrics.Query | None:
    """What CloudWatch is asked for a row; None where usage comes from elsewhere, or Service Quotas names no metric."""
    if isinstance(row.usage, Metric):
        metric = UsageMetric(row.usage.namespace, row.usage.metric, tuple(sorted(row.usage.dimensions.items())))
        return metrics.Query(metric, row.usage.statistic, 60, every + 900)
    if not isinstance(row.usage, str) or limit is None or limit.metric is None:
        return None
    if row.kind != "rate":
        return metrics.count(limit.metric)
    # A rate whose period nobody tells cannot be compared with its limit.
    return metrics.rate(limit.metric, every) if limit.period else None


def _value(query: metrics.Query, series: metrics.Series, limit: Limit | None) -> float | None:
    if query.statistic == "Sum":
        return metrics.worst_minute(series, limit.period.seconds) if limit is not None and limit.period else None
    if query.period == 60:
        return max((point.value for point in series), default=None)
    return metrics.latest(series)


def _of_row(api: AwsApi, target: Target, row: Row, bound: Bound, usages: Standings | ApiError) -> Iterator[Reading | ApiError]:
    """The readings of a row, and what failed of it."""
    yield from bound.errors()
    if isinstance(usages, ApiError):
        yield usages
        usages = {}
    yield from (found for found in usages.values() if isinstance(found, ApiError))
    standings = {resource: found for resource, found in usages.items() if isinstance(found, Standing)}
    if not standings and not row.per_resource:
        yield from bounds(target, bound.quota(row), "", bound.limit(), row.ceiling)
    shown = set(standings)
    own = {resource: found.limit if found.limit is not None else bound.limit(resource) for resource, found in standings.items()}
    if row.per_resource and "" not in standings:
        shown = api.shown.choose(_code(row), {r: _ratio(found.usage, own[r]) for r, found in standings.items()})
    quota = bound.quota(row, owned=any(found.limit is not None for found in standings.values()))
    for resource, found in standings.items():
        if resource in shown:
            yield Reading(target, quota, USAGE, found.usage, resource)
            yield from bounds(target, quota, resource, own[resource], row.ceiling)
    if omitted := len(standings) - len(shown):
        yield Reading(target, quota, OMITTED_RESOURCES, omitted)


def _ratio(usage: float, limit: float | None) -> float:
    """How close a resource is; negative, and rising with usage, where no limit is known."""
    if limit is None:
        return -1 / (1 + max(usage, 0.0))
    return usage / limit if limit else inf if usage else 0.0


# Sources


def source(name: str, facts: RowSource, rows: tuple[Row, ...]) -> Source[AwsApi]:
    """The source that polls some rows of the shipped catalogue."""
    is_global = rows[0].region == "global"

    async def ask(api: AwsApi, target: Target) -> Answer:
        return await of_rows(api, target, api.account.rows(rows), api.account.every(name, facts.every))

    return Source(
        name=name,
        ask=ask,
        every=facts.every,
        exports=facts.exports or f"{len(rows)} quotas of {name}",
        permissions=actions(rows),
        enabled=facts.enabled,
        applies=lambda account, target: (target.region == "global") is is_global,
        effort=lambda account: effort(account.rows(rows), account.every(name, facts.every)),
    )


def effort(rows: Sequence[Row], every: float) -> Effort:
    """What polling some rows once takes, where every list fits on one page and every metric had points lately."""
    counted = {call for row in rows for call in row.calls if not call.startswith("cloudwatch.")}
    queries = sum(not isinstance(row.usage, Counted | Function) for row in rows)
    lists = len({row.service for row in rows}) * every * (1 / EVERY + 1 / DEFAULTS_EVERY)
    return Effort(len(counted) + lists + 2 * bool(queries), queries * USD_PER_METRIC)


async def _of_config(api: AwsApi, target: Target) -> Answer:
    """The rows that the config brings along."""
    return await of_rows(api, target, own_rows(api.account, target), api.account.every(CUSTOM.name, CUSTOM.every))


def own_rows(account: Any, target: Target) -> list[Row]:
    """The rows of the config that a target is asked."""
    scope = "global" if target.region == "global" else ""
    return [row for row in account.catalog if row.region == scope]


CUSTOM: Source[AwsApi] = Source(
    name="custom",
    ask=_of_config,
    every=1800,
    exports="the quotas of `catalog` in the configuration",
    permissions=(),
    applies=lambda account, target: bool(own_rows(account, target)),
    effort=lambda account: effort(account.catalog, account.every(CUSTOM.name, CUSTOM.every)),
)
