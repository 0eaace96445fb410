"""Source `subnets`: IPv4 addresses in subnets, which cannot grow, and room for further subnets in VPCs.

https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from ipaddress import IPv4Network
from typing import NamedTuple

from quota_exporter.families import OMITTED_RESOURCES, USAGE
from quota_exporter.model import Quota, Reading, Target
from quota_exporter.providers.aws.actions import action
from quota_exporter.providers.aws.api import AwsApi
from quota_exporter.providers.aws.bounds import bounds
from quota_exporter.source import Answer, Effort, Source

SUBNETS = "ec2.DescribeSubnets"
VPCS = "ec2.DescribeVpcs"

RESERVED = 5
"""The first four addresses of each subnet and the last one are AWS's."""

SUBNET = Quota(
    "vpc", "subnet-ipv4-addresses", "IPv4 addresses of a subnet", "addresses", "allocation", "false", "list", "provider"
)
ALL_SUBNETS = Quota(
    "vpc",
    "vpc-subnet-ipv4-addresses",
    "IPv4 addresses of all subnets of a VPC",
    "addresses",
    "allocation",
    "true",
    "list",
    "provider",
)
VPC = Quota(
    "vpc",
    "vpc-ipv4-addresses",
    "IPv4 addresses of a VPC's CIDR blocks that are given to subnets",
    "addresses",
    "allocation",
    "true",
    "list",
    "provider",
)


class Subnet(NamedTuple):
    """A subnet of the account that has IPv4 addresses."""

    subnet: str
    vpc: str
    size: int
    free: int

    @property
    def usable(self) -> int:
        """Addresses that are not reserved."""
        return self.size - RESERVED


async def addresses(api: AwsApi, target: Target) -> Answer:
    """`quota_usage{quota_code="subnet-ipv4-addresses",resource="subnet-0a1b",service_code="vpc",…} 230.0`"""
    subnets = [subnet async for subnet in _subnets(api, target)]
    sizes = [(vpc, size) async for vpc, size in _vpcs(api, target)]
    used: Counter[str] = Counter()
    usable: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for subnet in subnets:
        used[subnet.vpc] += subnet.usable - subnet.free
        usable[subnet.vpc] += subnet.usable
        given[subnet.vpc] += subnet.size
    return [
        *_readings(api, target, SUBNET, ((s.subnet, s.usable - s.free, s.usable) for s in subnets)),
        *_readings(api, target, ALL_SUBNETS, ((vpc, used[vpc], usable[vpc]) for vpc, _ in sizes if vpc in usable)),
        *_readings(api, target, VPC, ((vpc, given[vpc], size) for vpc, size in sizes)),
    ]


async def _subnets(api: AwsApi, target: Target) -> AsyncIterator[Subnet]:
    """Those that belong to the account: one that is shared with it is told where it belongs to. IPv6-only ones have no IPv4."""
    async for page in api.pages(SUBNETS, MaxResults=1000):
        for found in page["Subnets"]:
            if found["OwnerId"] == target.account and not found.get("Ipv6Native") and found.get("CidrBlock"):
                size = IPv4Network(found["CidrBlock"]).num_addresses
                yield Subnet(found["SubnetId"], found["VpcId"], size, found["AvailableIpAddressCount"])


async def _vpcs(api: AwsApi, target: Target) -> AsyncIterator[tuple[str, int]]:
    """VPCs of the account, and the size of all CIDR blocks that each has, secondary ones included."""
    async for page in api.pages(VPCS, MaxResults=1000):
        for found in page["Vpcs"]:
            blocks = [
                IPv4Network(block["CidrBlock"])
                for block in found.get("CidrBlockAssociationSet") or ()
                if block["CidrBlockState"]["State"] == "associated"
            ]
            if found["OwnerId"] == target.account and blocks:
                yield found["VpcId"], sum(block.num_addresses for block in blocks)


def _readings(api: AwsApi, target: Target, quota: Quota, found: Iterable[tuple[str, int, int]]) -> Iterator[Reading]:
    """Usage and limit of the resources that are shown."""
    standings = {resource: (used, limit) for resource, used, limit in found}
    ratios = {resource: used / limit for resource, (used, limit) in standings.items()}
    shown = api.shown.choose((quota.service_code, quota.quota_code), ratios)
    for resource in shown:
        used, limit = standings[resource]
        yield Reading(target, quota, USAGE, used, resource)
        yield from bounds(target, quota, resource, limit, None)
    if omitted := len(standings) - len(shown):
        yield Reading(target, quota, OMITTED_RESOURCES, omitted)


SOURCE: Source[AwsApi] = Source(
    name="subnets",
    ask=addresses,
    every=300,
    exports="IPv4 addresses of each subnet and VPC, without the 5 that AWS keeps of each subnet",
    permissions=(action(SUBNETS), action(VPCS)),
    applies=lambda account, target: target.region != "global",
    effort=lambda account: Effort(2),
)
