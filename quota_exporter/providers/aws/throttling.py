"""Sources `api_throttling` and `api_requests`: calls that anybody in the account made, and those that AWS refused.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Service-Quota-Integration.html and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/monitor.html
"""

from collections.abc import Iterable, Iterator

from quota_exporter.errors import ApiError
from quota_exporter.families import API_REQUESTS, API_THROTTLED, Family
from quota_exporter.model import Operation, Reading, Target
from quota_exporter.providers.aws.actions import action
from quota_exporter.providers.aws.api import USD_PER_METRIC, AwsApi
from quota_exporter.providers.aws.limits import UsageMetric
from quota_exporter.providers.aws.metrics import DATA, LIST, USAGE, active
from quota_exporter.providers.aws.windows import Counted, Windows
from quota_exporter.source import Answer, Effort, Source

EC2 = "AWS/EC2/API"
"""Exists only where AWS Support switched it on."""

PERMISSIONS = (action(DATA), action(LIST))

CODES = {
    "CloudWatch": "monitoring",
    "Cognito": "cognito-idp",
    "EC2": "ec2",
    "EC2 Auto Scaling": "autoscaling",
    "ECR": "ecr",
    "ECS": "ecs",
    "EKS": "eks",
    "EMR": "elasticmapreduce",
    "Elastic Load Balancing": "elasticloadbalancing",
    "KMS": "kms",
    "Lambda": "lambda",
    "Logs": "logs",
    "Route53": "route53",
    "S3": "s3",
    "Service Quotas": "servicequotas",
}
"""Service Quotas' codes of what usage metrics call a service; others keep their name."""

LIKELY_THROTTLED = 10
"""Operations refused in the last three hours, for an estimate of what reading them costs."""

LIKELY_CALLED = 300
"""Operations called in the last three hours, likewise."""


async def throttled(api: AwsApi, target: Target) -> Answer:
    """`quota_api_throttled_requests_total{operation="ListMetrics",reason="ThrottleCount",service_code="monitoring",…} 12.0`"""
    usage = {metric for metric in await active(api) if metric.name == "ThrottleCount"}
    ec2 = {metric for metric in await active(api, EC2) if metric.name == "RequestLimitExceeded"}
    found = await Windows.of(api, "throttled").read(api, frozenset(usage | ec2))
    return list(_readings(target, API_THROTTLED, found))


async def requests(api: AwsApi, target: Target) -> Answer:
    """`quota_api_requests_total{operation="DescribeInstances",service_code="ec2",…} 5120.0`"""
    calls = frozenset(metric for metric in await active(api) if metric.name == "CallCount")
    return list(_readings(target, API_REQUESTS, await Windows.of(api, "requests").read(api, calls)))


def _readings(target: Target, family: Family, found: Iterable[Counted | ApiError]) -> Iterator[Reading | ApiError]:
    totals: dict[Operation, float] = {}
    for one in found:
        if isinstance(one, ApiError):
            yield one
        else:
            operation = _operation(one.metric, one.metric.name if family is API_THROTTLED else "")
            totals[operation] = totals.get(operation, 0.0) + one.total
    yield from (Reading(target, operation, family, total) for operation, total in totals.items())


def _operation(metric: UsageMetric, reason: str) -> Operation:
    dimensions = dict(metric.dimensions)
    if metric.namespace != USAGE:
        return Operation("ec2", next(iter(dimensions.values()), "all"), reason)
    service = dimensions.get("Service", "")
    return Operation(CODES.get(service, service), dimensions.get("Resource", "all"), reason)


THROTTLING: Source[AwsApi] = Source(
    name="api_throttling",
    ask=throttled,
    every=1800,
    exports="API calls of anyone in the account that AWS refused for being too many, where it tells them",
    permissions=PERMISSIONS,
    applies=lambda account, target: target.region != "global",
    effort=lambda account: Effort(3, LIKELY_THROTTLED * USD_PER_METRIC),
)
REQUESTS: Source[AwsApi] = Source(
    name="api_requests",
    ask=requests,
    every=300,
    exports="API calls of anyone in the account, per operation: hundreds of series, and billed by the query",
    permissions=PERMISSIONS,
    enabled=False,
    applies=lambda account, target: target.region != "global",
    effort=lambda account: Effort(2, LIKELY_CALLED * USD_PER_METRIC),
)
