"""Usage that no row of the catalogue can say: rules per security group, lengths of policies, groups that have their own limit."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from quota_exporter.errors import ApiError
from quota_exporter.providers.aws.api import AwsApi
from quota_exporter.providers.aws.limits import UsageMetric
from quota_exporter.providers.aws.metrics import LIST, Query, latest, read


class Standing(NamedTuple):
    """Usage of a resource, and its own limit where it has one."""

    usage: float
    limit: float | None = None


Standings = dict[str, Standing | ApiError]
"""By resource, bare; an error in the place of one that could not be read."""


async def asg_max_size(api: AwsApi) -> Standings:
    """Instances in service in each Auto Scaling group, against the size that its owner allows."""
    found: Standings = {}
    async for page in api.pages("autoscaling.DescribeAutoScalingGroups", MaxRecords=100):
        for group in page["AutoScalingGroups"]:
            serving = sum(instance["LifecycleState"] == "InService" for instance in group.get("Instances") or ())
            found[group["AutoScalingGroupName"]] = Standing(serving, group["MaxSize"])
    return found


async def trust_policy_length(api: AwsApi) -> Standings:
    """Characters of each role's trust policy; white space is not counted.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    found: Standings = {}
    async for page in api.pages("iam.ListRoles", MaxItems=1000):
        for role in page["Roles"]:
            if role["Path"].startswith("/aws-service-role/"):
                # AWS writes those, and nobody else can.
                continue
            text = json.dumps(role["AssumeRolePolicyDocument"], separators=(",", ":"), ensure_ascii=False)
            found[role["RoleName"]] = Standing(len("".join(text.split())))
    return found


async def network_address_usage(api: AwsApi) -> Standings:
    """Network address units of each VPC that tells them; a VPC that does not has none that anybody knows."""
    return await _by_vpc(api, "NetworkAddressUsage")


async def network_address_usage_peered(api: AwsApi) -> Standings:
    """Network address units of each VPC together with its peers in the region."""
    return await _by_vpc(api, "NetworkAddressUsagePeered")


async def _by_vpc(api: AwsApi, name: str) -> Standings:
    """https://docs.aws.amazon.com/vpc/latest/userguide/network-address-usage.html"""
    queries: dict[str, Query] = {}
    async for page in api.pages(LIST, Namespace="AWS/EC2", MetricName=name):
        for metric in page["Metrics"]:
            dimensions = tuple((told["Name"], told["Value"]) for told in metric["Dimensions"])
            vpcs = [value for _, value in dimensions if value.startswith("vpc-")]
            if len(vpcs) == 1:
                queries[vpcs[0]] = Query(UsageMetric("AWS/EC2", name, dimensions), "Maximum", 3600, 86_400)
    found: Standings = {}
    for vpc, series in (await read(api, queries)).items():
        if isinstance(series, ApiError):
            found[vpc] = series
        elif (value := latest(series)) is not None:
            found[vpc] = Standing(value)
    return found


AWS_LISTS = {
    "cloudfront.origin-facing": 55,
    "dynamodb": 1,
    "ec2-instance-connect": 2,
    "groundstation": 5,
    "route53-healthchecks": 25,
    "s3": 1,
    "s3express": 6,
    "vpc-lattice": 10,
}
"""As how many entries a prefix list of AWS counts, by the end of its name; of others nobody says it.

https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html
"""

Weights = dict[str, int]
"""As how many entries something counts, by IP version."""


async def _prefix_lists(api: AwsApi) -> dict[str, Weights]:
    """As how many entries each prefix list counts; empty where nobody knows. Routes and rules both need it."""
    return await api.cached("prefix lists", partial(_every_prefix_list, api), 60)


async def _every_prefix_list(api: AwsApi) -> dict[str, Weights]:
    found: dict[str, Weights] = {}
    async for page in api.pages("ec2.DescribeManagedPrefixLists", MaxResults=100):
        found.update((prefix_list["PrefixListId"], _weights(prefix_list)) for prefix_list in page["PrefixLists"])
    return found


def _highest(counts: dict[str, Counter[Any]], unknown: set[str]) -> Standings:
    """The highest count of each resource; nothing of one that has a list which counts as nobody knows how many."""
    return {resource: Standing(max(of.values(), default=0)) for resource, of in counts.items() if resource not in unknown}


async def routes_per_table(api: AwsApi) -> Standings:
    """Routes of each table of the account, of IPv4 or IPv6, whichever are more; those that a gateway propagates left out.

    https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    """
    lists = await _prefix_lists(api)
    tables: dict[str, Counter[str]] = {}
    unknown: set[str] = set()
    async for page in api.pages("ec2.DescribeRouteTables", MaxResults=100):
        for table in page["RouteTables"]:
            if table.get("OwnerId", api.target.account) != api.target.account:
                continue
            counts = tables.setdefault(table["RouteTableId"], Counter())
            for route in table.get("Routes") or ():
                if route.get("Origin") == "EnableVgwRoutePropagation":
                    continue
                if prefix_list := route.get("DestinationPrefixListId"):
                    counts.update(lists.get(prefix_list) or {})
                    unknown.update(() if lists.get(prefix_list) else (table["RouteTableId"],))
                else:
                    counts["IPv6" if route.get("DestinationIpv6CidrBlock") else "IPv4"] += 1
    return _highest(tables, unknown)


async def nat_gateways_per_zone(api: AwsApi) -> Standings:
    """NAT gateways in each Availability Zone, those that are coming and going included; they tell their subnet only."""
    zones: dict[str, str] = {}
    async for page in api.pages("ec2.DescribeSubnets", MaxResults=1000):
        zones.update((subnet["SubnetId"], subnet["AvailabilityZone"]) for subnet in page["Subnets"])
    counts: Counter[str] = Counter()
    async for page in api.pages("ec2.DescribeNatGateways", MaxResults=1000):
        for gateway in page["NatGateways"]:
            # A regional gateway is in no zone.
            if gateway["State"] in ("pending", "available", "deleting") and gateway.get("SubnetId") in zones:
                counts[zones[gateway["SubnetId"]]] += 1
    return {zone: Standing(number) for zone, number in counts.items()}


async def registered_clusters(api: AwsApi) -> Standings:
    """Clusters that run elsewhere and are only registered: in the list of all, not in the list of EKS's own."""
    every = {name async for page in api.pages("eks.ListClusters", include=["all"]) for name in page["clusters"]}
    own = {name async for page in api.pages("eks.ListClusters") for name in page["clusters"]}
    return {"": Standing(len(every - own))}


async def security_group_rules(api: AwsApi) -> Standings:
    """The highest of the four numbers of rules that are limited in each group of the account.

    Inbound and outbound rules are limited apart, and so are those of IPv4 and IPv6. A prefix list counts as the most
    entries that it may have: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    """
    lists = await _prefix_lists(api)
    groups: dict[str, Counter[tuple[bool, str]]] = {}
    unknown: set[str] = set()
    async for page in api.pages("ec2.DescribeSecurityGroupRules", MaxResults=1000):
        for rule in page["SecurityGroupRules"]:
            if rule.get("GroupOwnerId", api.target.account) != api.target.account:
                continue
            weight = _weight(rule, lists)
            if weight is None:
                unknown.add(rule["GroupId"])
            for version, number in (weight or {}).items():
                groups.setdefault(rule["GroupId"], Counter())[rule["IsEgress"], version] += number
    return _highest(groups, unknown)


def _weights(prefix_list: dict[str, Any]) -> Weights:
    """What a rule with a prefix list counts, by IP version; empty where nobody knows."""
    version = str(prefix_list.get("AddressFamily") or "IPv4")
    if prefix_list.get("OwnerId") != "AWS":
        return {version: prefix_list["MaxEntries"]} if prefix_list.get("MaxEntries") else {}
    # Such as com.amazonaws.eu-west-1.s3, or com.amazonaws.eu-west-1.ipv6.vpc-lattice.
    name = str(prefix_list.get("PrefixListName") or "")
    return next(({version: number} for end, number in AWS_LISTS.items() if name.endswith(f".{end}")), {})


def _weight(rule: dict[str, Any], lists: dict[str, Weights]) -> Weights | None:
    """What a rule counts, by IP version; None where nobody knows."""
    if rule.get("CidrIpv4"):
        return {"IPv4": 1}
    if rule.get("CidrIpv6"):
        return {"IPv6": 1}
    if rule.get("PrefixListId"):
        return lists.get(rule["PrefixListId"]) or None
    # A rule that names a group is for the addresses of both versions.
    return {"IPv4": 1, "IPv6": 1}


FUNCTIONS: dict[str, Callable[[AwsApi], Awaitable[Standings]]] = {
    function.__name__: function
    for function in (
        asg_max_size,
        nat_gateways_per_zone,
        registered_clusters,
        routes_per_table,
        trust_policy_length,
        network_address_usage,
        network_address_usage_peered,
        security_group_rules,
    )
}
"""What rows of the catalogue can name."""
