"""CloudWatch's metrics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html.

Unlike moto, this compares namespaces, does not mind in which order dimensions are named, and refuses what the real one refuses.
"""

import bisect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from quota_exporter.demo.aws.calls import Asked, Json
from quota_exporter.demo.aws.paging import Pages
from quota_exporter.demo.aws.wire import Failure

MOST_QUERIES = 500
MOST_POINTS = 100_800
METRICS_ON_A_PAGE = 500
ACTIVE = 3 * 3600
"""Seconds that `RecentlyActive=PT3H` means."""

QUERY_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
PERIODS_BELOW_A_MINUTE = (1, 5, 10, 20, 30)
NO_VALUES = ("InternalError", "Forbidden")

STATISTICS: dict[str, Callable[[list["Point"]], float]] = {
    "Sum": lambda points: sum(point.total for point in points),
    "Maximum": lambda points: max(point.most for point in points),
    "Minimum": lambda points: min(point.least for point in points),
    "SampleCount": lambda points: sum(point.count for point in points),
    "Average": lambda points: sum(point.total for point in points) / sum(point.count for point in points),
}


@dataclass(frozen=True, order=True)
class Point:
    """What was measured at a time, in seconds since 1970: sum, lowest, highest and number of values."""

    at: float
    total: float
    least: float
    most: float
    count: float = 1.0


@dataclass(frozen=True)
class Metric:
    """What makes one metric differ from others; the order of dimensions does not."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


class Metrics:
    """The metrics of all accounts.

    Attributes:
        most_points: Points on a page of GetMetricData, whatever is asked for.
        statuses: StatusCode of results (`PartialData`, `InternalError`, `Forbidden`), by name of the metric.
        monitoring: Accounts that see the metrics of all others.
    """

    def __init__(self, clock: Callable[[], float], pages: Pages):
        self.most_points = MOST_POINTS
        self.statuses: dict[str, str] = {}
        self.monitoring: set[str] = set()
        self._clock = clock
        self._pages = pages
        self._points: dict[Metric, list[Point]] = {}

    def put(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str] | None = None,
        *,
        points: Iterable[tuple[float, float]],
    ) -> None:
        """Adds points: seconds since 1970 and value. AWS's own namespaces may be written to here, as only AWS can."""
        metric = Metric(account, region, namespace, name, frozenset((dimensions or {}).items()))
        self._add(metric, [Point(at, value, value, value) for at, value in points])

    def _add(self, metric: Metric, points: list[Point]) -> None:
        # The list is replaced, never changed: other threads may be reading it.
        self._points[metric] = sorted([*self._points.get(metric, []), *points])

    def operations(self) -> dict[tuple[str, str], Callable[[Asked], Json]]:
        """What is answered, by client and operation."""
        return {
            ("cloudwatch", "GetMetricData"): self._read,
            ("cloudwatch", "ListMetrics"): self._list,
            ("cloudwatch", "PutMetricData"): self._write,
        }

    def _write(self, asked: Asked) -> Json:
        namespace = asked.params["Namespace"]
        if namespace.startswith("AWS/"):
            raise Failure("InvalidParameterValue", f"The value {namespace} for parameter Namespace is invalid: it is AWS's own.")
        for datum in asked.params.get("MetricData", []):
            dimensions = frozenset((pair["Name"], pair["Value"]) for pair in datum.get("Dimensions", []))
            metric = Metric(asked.call.account, asked.call.region, namespace, datum["MetricName"], dimensions)
            self._add(metric, _points_of(datum, self._clock()))
        return {}

    def _list(self, asked: Asked) -> Json:
        params = asked.params
        linked = params.get("IncludeLinkedAccounts") and asked.call.account in self.monitoring
        since = self._clock() - ACTIVE if params.get("RecentlyActive") else -math.inf
        found = [
            metric
            for metric, points in list(self._points.items())
            if metric.region == asked.call.region
            and (metric.account == asked.call.account or linked)
            and params.get("OwningAccount", metric.account) == metric.account
            and _matches(metric, params)
            and points[-1].at >= since
        ]
        size = METRICS_ON_A_PAGE if self._pages.size is None else min(METRICS_ON_A_PAGE, self._pages.size)
        start, end = _span(params, size)
        answer: Json = {"Metrics": [_shown(metric) for metric in found[start:end]]}
        if params.get("IncludeLinkedAccounts"):
            answer["OwningAccounts"] = [metric.account for metric in found[start:end]]
        return answer | ({"NextToken": str(end)} if end < len(found) else {})

    def _read(self, asked: Asked) -> Json:
        params = asked.params
        _check(params)
        order = -1 if params.get("ScanBy", "TimestampDescending") == "TimestampDescending" else 1
        results = [self._result(asked, query, order) for query in params["MetricDataQueries"] if query.get("ReturnData", True)]
        start, end = _span(params, min(int(params.get("MaxDatapoints", MOST_POINTS)), self.most_points))
        shown, seen = [], 0
        for result in results:
            here = slice(max(0, start - seen), max(0, end - seen))
            times, values = result["Timestamps"], result["Values"]
            seen += len(values)
            part = result | {"Timestamps": times[here], "Values": values[here]}
            if seen > end and part["StatusCode"] == "Complete":
                part["StatusCode"] = "PartialData"
            if part["Values"] or start == 0:
                shown.append(part)
        more = {"NextToken": str(end)} if end < seen else {}
        return {"MetricDataResults": shown, "Messages": []} | more

    def _result(self, asked: Asked, query: Json, order: int) -> Json:
        """One query's answer, all its points."""
        stat = query["MetricStat"]
        name, account = stat["Metric"]["MetricName"], query.get("AccountId", asked.call.account)
        status = self.statuses.get(name, "Complete")
        if account != asked.call.account and asked.call.account not in self.monitoring:
            status = "Forbidden"
        dimensions = frozenset((pair["Name"], pair["Value"]) for pair in stat["Metric"].get("Dimensions", []))
        metric = Metric(account, asked.call.region, stat["Metric"]["Namespace"], name, dimensions)
        result: Json = {
            "Id": query["Id"],
            "Label": query.get("Label", name),
            "Timestamps": [],
            "Values": [],
            "StatusCode": status,
        }
        if status in NO_VALUES:
            return result | {"Messages": [{"Code": status, "Value": "The values could not be read."}]}
        buckets = self._buckets(metric, asked.params, int(stat["Period"]))
        for at in sorted(buckets, key=lambda at: order * at):
            result["Timestamps"].append(datetime.fromtimestamp(at, UTC))
            result["Values"].append(float(STATISTICS[stat["Stat"]](buckets[at])))
        return result

    def _buckets(self, metric: Metric, params: Json, period: int) -> dict[float, list[Point]]:
        """The points between the times asked for, by the begin of their period."""
        points = self._points.get(metric, [])
        start = params["StartTime"].timestamp() // 60 * 60
        first = bisect.bisect_left(points, start, key=lambda point: point.at)
        last = bisect.bisect_left(points, params["EndTime"].timestamp(), key=lambda point: point.at)
        buckets: dict[float, list[Point]] = {}
        for point in points[first:last]:
            buckets.setdefault(point.at // period * period, []).append(point)
        return buckets


def _check(params: Json) -> None:
    """Failure for what the real one refuses as a whole."""
    queries = params["MetricDataQueries"]
    if len(queries) > MOST_QUERIES:
        raise Failure("ValidationError", f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
    if params["StartTime"] >= params["EndTime"]:
        raise Failure("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    if len({query["Id"] for query in queries}) < len(queries):
        raise Failure("ValidationError", "The values of parameter Id in MetricDataQueries are not unique.")
    for query in queries:
        _check_query(query)


def _check_query(query: Json) -> None:
    if not QUERY_ID.fullmatch(query["Id"]):
        raise Failure(
            "ValidationError",
            f"The value {query['Id']} for parameter Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
        )
    if "MetricStat" not in query:
        # Metric math is not needed by anybody here.
        raise Failure("ValidationError", f"Error in expression '{query['Id']}': the demo knows no expressions.")
    period, stat = int(query["MetricStat"]["Period"]), query["MetricStat"]["Stat"]
    if period % 60 and period not in PERIODS_BELOW_A_MINUTE:
        raise Failure("ValidationError", f"Invalid period {period}: it must be 1, 5, 10, 20, 30 or a multiple of 60.")
    if stat not in STATISTICS:
        raise Failure("ValidationError", f"The value {stat} for parameter Stat is not supported.")


def _span(params: Json, size: int) -> tuple[int, int]:
    """First and end of what is on the page that the token asks for."""
    token = str(params.get("NextToken", "0"))
    if not token.isdecimal():
        raise Failure("InvalidNextToken", "The next token specified is invalid.")
    return int(token), int(token) + max(1, size)


def _matches(metric: Metric, params: Json) -> bool:
    """Whether ListMetrics asks for it: a dimension without a value means any."""
    names = {name for name, _ in metric.dimensions}
    return (
        params.get("Namespace", metric.namespace) == metric.namespace
        and params.get("MetricName", metric.name) == metric.name
        and all(
            pair["Name"] in names if pair.get("Value") is None else (pair["Name"], pair["Value"]) in metric.dimensions
            for pair in params.get("Dimensions", [])
        )
    )


def _shown(metric: Metric) -> Json:
    dimensions = [{"Name": name, "Value": value} for name, value in sorted(metric.dimensions)]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


def _points_of(datum: Json, now: float) -> list[Point]:
    at = datum["Timestamp"].timestamp() if "Timestamp" in datum else now
    if "StatisticValues" in datum:
        found = datum["StatisticValues"]
        return [Point(at, found["Sum"], found["Minimum"], found["Maximum"], found["SampleCount"])]
    values = datum.get("Values", [datum["Value"]] if "Value" in datum else [])
    counts = datum.get("Counts", [1.0] * len(values))
    return [Point(at, value * count, value, value, count) for value, count in zip(values, counts, strict=True)]
