"""Source `eks_control_plane`: what EKS tells CloudWatch of the apiservers it runs (Kubernetes 1.28 and newer).

https://docs.aws.amazon.com/eks/latest/userguide/cloudwatch.html
"""

from collections.abc import AsyncIterator

from quota_exporter.errors import ApiError
from quota_exporter.families import API_THROTTLED, CEILING, LIMIT, USAGE
from quota_exporter.model import Operation, Quota, Reading, Target, dimensions
from quota_exporter.providers.aws.actions import action
from quota_exporter.providers.aws.api import USD_PER_METRIC, AwsApi
from quota_exporter.providers.aws.limits import UsageMetric
from quota_exporter.providers.aws.metrics import DATA, LIST, Query, read
from quota_exporter.providers.aws.windows import Windows
from quota_exporter.source import Answer, Effort, Source

NAMESPACE = "AWS/EKS"
STORAGE = "apiserver_storage_size_bytes"
SEATS = "apiserver_flowcontrol_current_executing_seats"
REFUSED = "apiserver_request_total_429"

EVERY = 1800.0

DATABASE = Quota(
    "eks", "etcd-database-size", "Size of etcd's database", "bytes", "allocation", "false", "cloudwatch", "documented"
)
DATABASE_LIMIT = float(8 << 30)
"""https://docs.aws.amazon.com/eks/latest/best-practices/known_limits_and_service_quotas.html"""

EXECUTING = Quota("eks", "apiserver-seats", "Seats of the apiserver in use", "seats", "concurrent", "unknown", "cloudwatch")


async def control_plane(api: AwsApi, target: Target) -> Answer:
    """`quota_usage{quota_code="etcd-database-size",resource="prod",service_code="eks",…} 1.2e+09`"""
    clusters = await _clusters(api)
    queries = {
        (cluster, name): Query(UsageMetric(NAMESPACE, name, (("ClusterName", cluster),)), "Maximum", 60, EVERY + 900)
        for cluster in clusters
        for name in (STORAGE, SEATS)
    }
    answer: list[Reading | ApiError] = []
    for (cluster, name), series in (await read(api, queries)).items():
        if isinstance(series, ApiError):
            answer.append(series)
        elif series and name == STORAGE:
            answer.append(Reading(target, DATABASE, USAGE, series[0].value, cluster))
            answer += (Reading(target, DATABASE, family, DATABASE_LIMIT, cluster) for family in (LIMIT, CEILING))
        elif series:
            answer.append(Reading(target, EXECUTING, USAGE, max(point.value for point in series), cluster))
    return [*answer, *[found async for found in _refused(api, target, clusters)]]


async def _clusters(api: AwsApi) -> list[str]:
    """Clusters that tell something, but for those that are polled directly: nobody wants to be alerted twice."""
    found = {
        told["Value"]
        async for page in api.pages(LIST, Namespace=NAMESPACE, MetricName=STORAGE, RecentlyActive="PT3H")
        for metric in page["Metrics"]
        for told in metric["Dimensions"]
        if told["Name"] == "ClusterName"
    }
    return sorted(found.difference(api.account.polled_clusters))


async def _refused(api: AwsApi, target: Target, clusters: list[str]) -> AsyncIterator[Reading | ApiError]:
    """Requests that the apiservers refused for being too many."""
    metrics = frozenset(UsageMetric(NAMESPACE, REFUSED, (("ClusterName", cluster),)) for cluster in clusters)
    for one in await Windows.of(api, "eks").read(api, metrics):
        if isinstance(one, ApiError):
            yield one
        else:
            cluster = dict(one.metric.dimensions)["ClusterName"]
            yield Reading(target, Operation("eks", dimensions(cluster=cluster), "429"), API_THROTTLED, one.total)


SOURCE: Source[AwsApi] = Source(
    name="eks_control_plane",
    ask=control_plane,
    every=EVERY,
    exports="size of etcd, seats in use and refused requests of each EKS cluster that is not polled directly",
    permissions=(action(DATA), action(LIST)),
    applies=lambda account, target: target.region != "global",
    effort=lambda account: Effort(3, 3 * USD_PER_METRIC),
)
