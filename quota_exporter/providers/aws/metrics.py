"""Usage as CloudWatch has it: batches of queries, and what their points mean.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Quotas-Visualize-Alarms.html
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from quota_exporter.errors import ApiError, Denied, Malformed, Unavailable
from quota_exporter.providers.aws.actions import action
from quota_exporter.providers.aws.api import AwsApi, Json
from quota_exporter.providers.aws.limits import UsageMetric, metric_of

DATA = "cloudwatch.GetMetricData"
LIST = "cloudwatch.ListMetrics"
USAGE = "AWS/Usage"

QUERIES = 500
"""The most queries of a call."""

ACTIVE_EVERY = 1800.0

LATEST = 1800.0
"""Seconds that are looked back for the newest point: usage metrics come up to a quarter of an hour late."""

LATEST_OF = {"RDS": 5400.0}
"""The same for services whose metrics come later."""

Place = TypeVar("Place")


class Query(NamedTuple):
    """A metric to be read.

    Attributes:
        statistic: `Maximum` of what exists, `Sum` of what happens.
        period: Seconds per point.
        back: Seconds before now from which points are wanted.
    """

    metric: UsageMetric
    statistic: str
    period: int
    back: float


class Point(NamedTuple):
    """A statistic of the period that begins at `time`, in seconds since 1970."""

    time: float
    value: float


Series = tuple[Point, ...]
"""Points, the newest first."""


def count(metric: UsageMetric) -> Query:
    """Something that exists: the most of five minutes, as usage metrics come every minute or every five."""
    service = dict(metric.dimensions).get("Service", "")
    return Query(metric, "Maximum", 300, LATEST_OF.get(service, LATEST))


def rate(metric: UsageMetric, every: float) -> Query:
    """Requests: those of each minute since the last poll and before, because they come late."""
    return Query(metric, "Sum", 60, every + 900)


def latest(series: Series) -> float | None:
    """The newest value; None where there is no point, which is not zero."""
    return series[0].value if series else None


def worst_minute(series: Series, period: float) -> float | None:
    """The highest rate of any minute, in requests per period of so many seconds."""
    return max(point.value for point in series) / 60 * period if series else None


async def read(api: AwsApi, queries: Mapping[Place, Query]) -> dict[Place, Series | ApiError]:
    """The points of each query; an error in the place of those that could not be read.

    Raises:
        ApiError: A call failed.
    """
    found: dict[Place, Series | ApiError] = {}
    groups: dict[float, list[Place]] = {}
    for place, query in queries.items():
        groups.setdefault(query.back, []).append(place)
    for back, places in groups.items():
        for start in range(0, len(places), QUERIES):
            found |= await _batch(api, {place: queries[place] for place in places[start : start + QUERIES]}, back)
    return found


async def _batch(api: AwsApi, queries: Mapping[Place, Query], back: float) -> dict[Place, Series | ApiError]:
    """One call, and its further pages."""
    places = dict(zip((f"q{number}" for number in range(len(queries))), queries, strict=True))
    # Whole periods: CloudWatch would give a part of one as if it were whole.
    end = math.floor(api.now() / 60) * 60
    pages = api.pages(
        DATA,
        MetricDataQueries=[_query(name, queries[place]) for name, place in places.items()],
        StartTime=math.floor((end - back) / 300) * 300,
        EndTime=end,
        ScanBy="TimestampDescending",
    )
    points: dict[str, list[Point]] = {name: [] for name in places}
    status: dict[str, tuple[str, str]] = {}
    async for page in pages:
        for result in page["MetricDataResults"]:
            points[result["Id"]] += map(Point, result.get("Timestamps") or (), result.get("Values") or ())
            status[result["Id"]] = (result["StatusCode"], str(result.get("Messages") or ""))
    return {
        place: _error(*status[name], queries[place]) or tuple(sorted(points[name], reverse=True))
        if name in status
        else Malformed(f"nothing is said of {name}", operation=DATA)
        for name, place in places.items()
    }


def _query(name: str, query: Query) -> Json:
    metric = {
        "Namespace": query.metric.namespace,
        "MetricName": query.metric.name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in query.metric.dimensions],
    }
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": query.period, "Stat": query.statistic}, "ReturnData": True}


def _error(status: str, messages: str, query: Query) -> ApiError | None:
    """What the last page says of a query."""
    if status == "Complete":
        return None
    text = f"{query.metric.namespace} {query.metric.name}: {status} {messages}".rstrip()
    return Denied(text, operation=DATA, permission=action(DATA)) if status == "Forbidden" else Unavailable(text, operation=DATA)


async def active(api: AwsApi, namespace: str = USAGE) -> frozenset[UsageMetric]:
    """The metrics of a namespace that had points in the last three hours: only those are worth their price.

    Raises:
        ApiError: A call failed.
    """
    return await api.cached(("active", namespace), partial(_active, api, namespace), ACTIVE_EVERY)


async def _active(api: AwsApi, namespace: str) -> frozenset[UsageMetric]:
    found = set()
    async for page in api.pages(LIST, Namespace=namespace, RecentlyActive="PT3H"):
        for metric in page.get("Metrics") or ():
            dimensions = tuple(sorted((d["Name"], d["Value"]) for d in metric.get("Dimensions") or ()))
            found.add(metric_of(metric["Namespace"], metric["MetricName"], dimensions))
    return frozenset(found)
