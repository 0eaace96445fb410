"""Numbers that other tools get wrong, each by its name."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from quota_exporter.demo.aws.calls import Asked
from quota_exporter.demo.aws.server import ACCOUNT, Aws
from quota_exporter.errors import Denied, Malformed, Unavailable
from quota_exporter.families import CEILING
from quota_exporter.model import Quota
from quota_exporter.providers.aws.sources import SOURCES
from tests.aws_polled import REGION, SOURCES_BY_NAME, Answers, Asking, Here, Json, Samples, asking, exporter_of
from tests.aws_seeds import COUNTS, RATES, SEEDS, STRANGER, World
from tests.test_aws_catalog import set_limits

MONTH = 30 * 86_400


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connected() -> AsyncIterator[Asking]:
    """AWS without anything in it."""
    async with Aws() as aws, asking(aws) as connected:
        yield connected


@pytest.fixture
def here(connected: Asking) -> Iterator[Here]:
    """A region for the test alone; pages and faults are as they were afterwards."""
    front = connected.aws.front
    operations, corrections, most_points = dict(front.operations), dict(front.corrections), connected.aws.metrics.most_points
    yield connected.place()
    front.operations, front.corrections, connected.aws.metrics.most_points = operations, corrections, most_points
    connected.aws.page_size = None
    connected.aws.endless.clear()
    connected.aws.metrics.statuses.clear()


def quota(code: str, service: str = "vpc", **fields: Any) -> Json:
    """As Service Quotas lists it."""
    told = {"ServiceCode": service, "QuotaCode": code, "QuotaName": code, "Adjustable": True, "Value": 5.0}
    return told | fields


def quotas(*listed: Json) -> list[Json]:
    """A list of one page."""
    return [{"Quotas": list(listed)}]


def usage_metric(resource: str, **fields: str) -> Json:
    """As Service Quotas names it."""
    dimensions = {"Service": "EC2", "Type": "Resource", "Resource": resource, "Class": "None"} | fields
    return {"MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount", "MetricDimensions": dimensions}


def counted(here: Here, code: str, *points: tuple[float, float], **fields: Any) -> None:
    """A quota of EC2 with a usage metric that has some points: seconds before now, and value."""
    metric = usage_metric("vCPU", Class=code)
    here.quota("ec2", code, value=100, usage_metric=metric, **fields)
    if points:
        here.points(metric, *points)


# EC2.


async def test_vcpus_are_not_instances(here: Here) -> None:
    """A limit in vCPUs stands against vCPUs, those of Capacity Reservations included, which no list of instances has."""
    here.client("ec2").run_instances(ImageId="ami-12c6146b", InstanceType="c5.4xlarge", MinCount=3, MaxCount=3)
    counted(here, "L-1216C47A", (60, 64.0))

    found = await here.ask("ec2")

    assert found.usage("L-1216C47A") == {"": 64}
    assert found.limit("L-1216C47A") == {"": 100}


async def test_spot_is_apart_from_on_demand(here: Here) -> None:
    """Each has its own limit and its own usage."""
    counted(here, "L-1216C47A", (60, 64.0))
    counted(here, "L-34B43A08", (60, 16.0))

    found = await here.ask("ec2")

    assert (found.usage("L-1216C47A"), found.usage("L-34B43A08")) == ({"": 64}, {"": 16})


async def test_the_recommended_statistic_may_be_wrong(here: Here) -> None:
    """A count is never summed up, whatever Service Quotas recommends."""
    metric = usage_metric("vCPU") | {"MetricStatisticRecommendation": "Sum"}
    here.quota("ec2", "L-1216C47A", "vCPUs", value=100, usage_metric=metric)
    minute = (time.time() - 360) // 300 * 300
    here.points(metric, *((time.time() - minute - second, 64.0) for second in (1, 61, 121, 181)))

    found = await here.ask("ec2")

    assert found.usage("L-1216C47A") == {"": 64}


async def test_missing_points_are_not_zero(here: Here) -> None:
    """What has no points, or none lately, has no usage; the limit stands."""
    counted(here, "L-1216C47A")
    counted(here, "L-34B43A08", (2 * 3600, 16.0))

    found = await here.ask("ec2")

    assert (found.usage("L-1216C47A"), found.usage("L-34B43A08")) == ({}, {})
    assert (found.limit("L-1216C47A"), found.limit("L-34B43A08")) == ({"": 100}, {"": 100})
    assert found.errors == []


async def test_equal_names_are_different_quotas(here: Here) -> None:
    """Quotas are told apart by their codes."""
    counted(here, "L-1216C47A", (60, 64.0), name="Instances")
    counted(here, "L-34B43A08", (60, 16.0), name="Instances")
    here.quota("ec2", "L-0263D0A3", "Instances", value=7)

    found = await here.ask("ec2")

    assert (found.usage("L-1216C47A"), found.usage("L-34B43A08"), found.usage("L-0263D0A3")) == ({"": 64}, {"": 16}, {"": 0})
    assert (found.limit("L-1216C47A"), found.limit("L-0263D0A3")) == ({"": 100}, {"": 7})


async def test_names_that_the_provider_changed(here: Here) -> None:
    """The code makes the quota, whatever it is called today."""
    here.quota("vpc", "L-F678F1CE", "Something else entirely", value=9)

    found = await here.ask("vpc")

    assert found.limit("L-F678F1CE") == {"": 9}
    assert found.usage("L-F678F1CE") == {"": 1}


# Storage.


async def test_gib_are_not_tib() -> None:
    """Sizes of volumes come in GiB, limits of EBS are in TiB, whatever `Unit` says."""
    volumes = [{"VolumeType": "gp3", "Size": size, "State": "in-use"} for size in (1024, 512)]
    other = {"VolumeType": "gp2", "Size": 4096, "State": "in-use"}
    api = Answers(
        DescribeVolumes=[{"Volumes": volumes}, {"Volumes": [other]}],
        DescribeSnapshots=[{"Snapshots": []}],
        ListServiceQuotas=quotas(quota("L-7A658B76", "ebs", Value=50.0, Unit="None")),
    )

    found = await api.ask("ebs")

    assert found.usage("L-7A658B76") == {"": 1.5}
    assert found.limit("L-7A658B76") == {"": 50}


async def test_code_is_in_gib(here: Here) -> None:
    """The answer of Lambda is in bytes, the limit of Service Quotas in units of 2^30 bytes."""
    found = await here.ask("lambda")

    assert found.limit("L-2ACBD22F") == {"": 75}


# Stacks and policies.


async def test_deleted_stacks_do_not_count(here: Here) -> None:
    """They stay listed for 90 days."""
    client = here.client("cloudformation")
    template = '{"Resources": {"queue": {"Type": "AWS::SQS::Queue"}}}'
    for name in ("kept", "deleted"):
        client.create_stack(StackName=name, TemplateBody=template)
    client.delete_stack(StackName="deleted")
    assert len(client.list_stacks()["StackSummaries"]) == 2

    found = await here.ask("cloudformation")

    assert found.usage("L-0485CB21") == {"": 1}


async def test_inline_policies_are_not_attached_ones() -> None:
    """The quota of managed policies per role counts what is attached; what stands in the role is limited by its size."""
    api = Answers(
        ListRoles=[{"Roles": [{"RoleName": "web", "Path": "/"}, {"RoleName": "aws", "Path": "/aws-service-role/x/"}]}],
        ListAttachedRolePolicies=[{"AttachedPolicies": [{"PolicyName": "one"}]}, {"AttachedPolicies": [{"PolicyName": "two"}]}],
        ListRolePolicies=[{"PolicyNames": ["inline-1", "inline-2"]}],
        GetAccountSummary=[{"SummaryMap": {"AttachedPoliciesPerRoleQuota": 10}}],
    )

    found = await api.ask("role_policies")

    assert found.usage("L-0DA4ABF3") == {"web": 2}
    assert found.limit("L-0DA4ABF3") == {"web": 10}


# VPC.


async def test_five_addresses_of_a_subnet_are_reserved(here: Here) -> None:
    """A subnet has 2^(32 - prefix) - 5 addresses; one of IPv6 only has none, and is not told."""
    client = here.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    zone = {"VpcId": vpc, "AvailabilityZone": f"{here.region}a"}
    small = client.create_subnet(CidrBlock="10.1.0.0/28", **zone)["Subnet"]["SubnetId"]
    large = client.create_subnet(CidrBlock="10.1.16.0/20", **zone)["Subnet"]["SubnetId"]
    for _ in range(3):
        client.create_network_interface(SubnetId=small)
    ours = {"OwnerId": ACCOUNT, "VpcId": vpc, "AvailableIpAddressCount": 0}
    World(here.aws, here.region).also(
        "ec2.DescribeSubnets",
        "Subnets",
        ours | {"SubnetId": "subnet-0six", "Ipv6Native": True},
        ours | {"SubnetId": "subnet-0theirs", "OwnerId": STRANGER, "CidrBlock": "10.9.0.0/24"},
    )

    found = await here.ask("subnets")

    usage, limit = found.usage("subnet-ipv4-addresses"), found.limit("subnet-ipv4-addresses")
    assert (usage[small], limit[small]) == (3, 11)
    assert (usage[large], limit[large]) == (0, 4091)
    assert limit == found.of(CEILING, "subnet-ipv4-addresses")
    assert not {"subnet-0six", "subnet-0theirs"} & usage.keys()


RULE = {"GroupId": "sg-1", "GroupOwnerId": ACCOUNT, "IsEgress": False}


def prefix_list(number: str, name: str, owner: str = "AWS", family: str = "IPv4", **fields: Any) -> Json:
    """As it is listed."""
    return {"PrefixListId": number, "PrefixListName": name, "OwnerId": owner, "AddressFamily": family} | fields


LISTS = [
    prefix_list("pl-offices", "offices", ACCOUNT, MaxEntries=20),
    prefix_list("pl-six", "offices-6", ACCOUNT, "IPv6", MaxEntries=30),
    prefix_list("pl-s3", f"com.amazonaws.{REGION}.s3"),
    prefix_list("pl-cdn", "com.amazonaws.global.cloudfront.origin-facing"),
    prefix_list("pl-lattice", f"com.amazonaws.{REGION}.ipv6.vpc-lattice", family="IPv6"),
    prefix_list("pl-new", f"com.amazonaws.{REGION}.something-new"),
]


EMPTY = {
    "DescribeVpcs": "Vpcs",
    "DescribeSubnets": "Subnets",
    "DescribeRouteTables": "RouteTables",
    "DescribeInternetGateways": "InternetGateways",
    "DescribeEgressOnlyInternetGateways": "EgressOnlyInternetGateways",
    "DescribeNatGateways": "NatGateways",
    "DescribeSecurityGroups": "SecurityGroups",
    "DescribeNetworkInterfaces": "NetworkInterfaces",
    "DescribeNetworkAcls": "NetworkAcls",
    "DescribeVpcPeeringConnections": "VpcPeeringConnections",
    "DescribeVpcEndpoints": "VpcEndpoints",
}
"""What the source `vpc` lists beside rules and prefix lists."""


def vpc_answers(**pages: list[Json]) -> Answers:
    """For the source `vpc`: empty lists of all that is not given."""
    lists: dict[str, list[Json]] = {operation: [{member: []}] for operation, member in EMPTY.items()}
    lists |= {"DescribeSecurityGroupRules": [{"SecurityGroupRules": []}], "DescribeManagedPrefixLists": [{"PrefixLists": []}]}
    return Answers(**(lists | pages))


async def rules(*listed: Json) -> dict[str, float]:
    """What is told of security groups with some rules."""
    api = vpc_answers(
        DescribeSecurityGroupRules=[{"SecurityGroupRules": [RULE | one]} for one in listed],
        DescribeManagedPrefixLists=[{"PrefixLists": LISTS[:3]}, {"PrefixLists": LISTS[3:]}],
    )
    return (await api.ask("vpc")).usage("L-0EA8095F")


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param(
            [{"CidrIpv4": "192.0.2.0/24"}] * 3 + [{"CidrIpv4": "192.0.2.0/24", "IsEgress": True}] * 2, 3, id="directions"
        ),
        pytest.param([{"CidrIpv4": "192.0.2.0/24"}] * 2 + [{"CidrIpv6": "2001:db8::/32"}] * 4, 4, id="IP versions"),
        pytest.param([{"CidrIpv4": "192.0.2.0/24"}, {"ReferencedGroupInfo": {"GroupId": "sg-2"}}], 2, id="a group"),
        pytest.param([{"PrefixListId": "pl-offices"}, {"CidrIpv4": "192.0.2.0/24"}], 21, id="entries of our list"),
        pytest.param([{"PrefixListId": "pl-six"}, {"CidrIpv4": "192.0.2.0/24"}], 30, id="our list of IPv6"),
        pytest.param([{"PrefixListId": "pl-s3"}] * 2, 2, id="list of S3"),
        pytest.param([{"PrefixListId": "pl-cdn"}, {"CidrIpv4": "192.0.2.0/24"}], 56, id="weight of CloudFront's list"),
        pytest.param([{"PrefixListId": "pl-lattice"}, {"CidrIpv4": "192.0.2.0/24"}], 10, id="weight of a list of IPv6"),
        pytest.param([{"PrefixListId": "pl-new"}, {"CidrIpv4": "192.0.2.0/24"}], None, id="list of AWS that nobody knows"),
        pytest.param([{"PrefixListId": "pl-theirs"}, {"CidrIpv4": "192.0.2.0/24"}], None, id="list that is not listed"),
        pytest.param([{"CidrIpv4": "192.0.2.0/24", "GroupOwnerId": STRANGER}], None, id="group of others"),
    ],
)
async def test_rules_of_a_security_group(listed: list[Json], expected: float | None) -> None:
    """In and out, IPv4 and IPv6 are four numbers with one limit each: the highest is told, or nothing where it is not known."""
    assert (await rules(*listed)).get("sg-1") == expected


async def test_propagated_routes_do_not_count() -> None:
    """A gateway may propagate 100 routes that no quota is used up by; IPv4 and IPv6 count apart."""
    own = [{"DestinationCidrBlock": f"10.{n}.0.0/16", "Origin": "CreateRoute"} for n in range(4)]
    six = [{"DestinationIpv6CidrBlock": f"2001:db8:{n}::/48", "Origin": "CreateRoute"} for n in range(2)]
    propagated = [{"DestinationCidrBlock": f"172.16.{n}.0/24", "Origin": "EnableVgwRoutePropagation"} for n in range(90)]
    listed = {"DestinationPrefixListId": "pl-offices", "Origin": "CreateRoute"}
    tables = [
        {"RouteTableId": "rtb-1", "OwnerId": ACCOUNT, "Routes": [*propagated, *own, *six]},
        {"RouteTableId": "rtb-2", "OwnerId": ACCOUNT, "Routes": [own[0], listed]},
        {"RouteTableId": "rtb-3", "OwnerId": ACCOUNT, "Routes": [own[0], listed | {"DestinationPrefixListId": "pl-new"}]},
        {"RouteTableId": "rtb-4", "OwnerId": STRANGER, "Routes": own},
    ]
    api = vpc_answers(
        ListServiceQuotas=quotas(quota("L-93826ACB", Value=50.0)),
        DescribeRouteTables=[{"RouteTables": [table]} for table in tables],
        DescribeManagedPrefixLists=[{"PrefixLists": LISTS}],
    )

    found = await api.ask("vpc")

    assert found.usage("L-93826ACB") == {"rtb-1": 4, "rtb-2": 21}
    assert found.of(CEILING, "L-93826ACB") == {"rtb-1": 1000, "rtb-2": 1000}


async def test_what_others_share_is_not_ours() -> None:
    """A VPC that another account shares is listed with all that is in it, which that account has the limits of."""
    owners = (ACCOUNT, STRANGER, STRANGER)

    def listed(member: str, **fields: str) -> list[Json]:
        return [{member: [{"VpcId": f"vpc-{owner}", "OwnerId": owner} | fields]} for owner in owners]

    api = vpc_answers(
        DescribeVpcs=listed("Vpcs"),
        DescribeSubnets=listed("Subnets", SubnetId="s", AvailabilityZone="z"),
        DescribeRouteTables=listed("RouteTables", RouteTableId="r"),
        DescribeSecurityGroups=listed("SecurityGroups"),
        DescribeNetworkInterfaces=listed("NetworkInterfaces", NetworkInterfaceId="e", InterfaceType="lambda"),
        DescribeNetworkAcls=listed("NetworkAcls", NetworkAclId="a"),
        DescribeInternetGateways=listed("InternetGateways"),
        DescribeVpcEndpoints=listed("VpcEndpoints", VpcEndpointType="Gateway", State="available"),
    )

    found = await api.ask("vpc")

    one = {code: found.usage(code) for code in ("L-F678F1CE", "L-E79EC296", "L-DF5E4CA3", "L-A4707A72", "L-1B52E74A")}
    assert one == {code: {"": 1} for code in one}
    per_vpc = {code: found.usage(code) for code in ("L-407747CB", "L-589F43AA", "L-B4A6D682", "L-9FEE3D26", "L-83CA0A9D")}
    assert per_vpc == {code: {f"vpc-{ACCOUNT}": float(code != "L-83CA0A9D")} for code in per_vpc}
    assert found.usage("L-44499CD2") == {"": 2}


# Limits.


async def test_defaults_where_nothing_is_applied(here: Here) -> None:
    """An applied value goes before the default; where there is none, the default is the limit, and said to be documented."""
    here.quota("vpc", "L-F678F1CE", "VPCs", value=50, default=5)
    here.quota("vpc", "L-E79EC296", "Groups", value=2500, default=2500, only_default=True)

    found = await here.ask("vpc")

    assert found.limit("L-F678F1CE") == {"": 50}
    assert found.source("L-F678F1CE") == "provider"
    assert found.limit("L-E79EC296") == {"": 2500}
    assert found.source("L-E79EC296") == "documented"
    # Nobody told that of others.
    assert found.limit("L-DF5E4CA3") == {}
    assert found.source("L-DF5E4CA3") == ""


async def test_limits_of_single_resources() -> None:
    """A quota that was raised for one VPC has another limit there than for all others."""
    context = {"ContextScope": "RESOURCE", "ContextScopeType": "AWS::EC2::VPC"}
    raised = context | {"ContextId": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-2"}
    api = vpc_answers(
        DescribeSubnets=[
            {"Subnets": [{"OwnerId": ACCOUNT, "VpcId": vpc, "SubnetId": "s", "AvailabilityZone": "z"}]}
            for vpc in ("vpc-1", "vpc-2")
        ],
        ListServiceQuotas=quotas(
            quota("L-407747CB", Value=300.0, QuotaContext=raised),
            quota("L-407747CB", Value=200.0, QuotaContext=context | {"ContextId": "*"}),
        ),
    )

    found = await api.ask("vpc")

    assert found.usage("L-407747CB") == {"vpc-1": 1, "vpc-2": 1}
    assert found.limit("L-407747CB") == {"vpc-1": 200, "vpc-2": 300}


async def test_defaults_beside_limits_of_single_resources() -> None:
    """Where only resources have applied limits, the default is the limit of all others."""
    raised = {"ContextScope": "RESOURCE", "ContextId": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-2"}
    api = vpc_answers(
        DescribeSubnets=[
            {"Subnets": [{"OwnerId": ACCOUNT, "VpcId": vpc, "SubnetId": "s", "AvailabilityZone": "z"}]}
            for vpc in ("vpc-1", "vpc-2")
        ],
        ListServiceQuotas=quotas(quota("L-407747CB", Value=300.0, QuotaContext=raised)),
        ListAWSDefaultServiceQuotas=quotas(quota("L-407747CB", Value=200.0)),
    )

    found = await api.ask("vpc")

    assert found.limit("L-407747CB") == {"vpc-1": 200, "vpc-2": 300}


async def test_a_limit_that_aws_cannot_tell_stays_as_it_was(here: Here, tmp_path: Path) -> None:
    """The value before is kept, the failure is told, and what else is in the list is as good as ever."""
    reasons = {
        "L-F678F1CE": ("DEPENDENCY_ACCESS_DENIED_ERROR", "denied"),
        "L-E79EC296": ("DEPENDENCY_THROTTLING_ERROR", "throttled"),
        "L-DF5E4CA3": ("SOMETHING_NEW", "malformed"),
    }
    hours = 0
    off = {source.name: {"enabled": False} for source in SOURCES if source.name != "vpc"}
    async with exporter_of(here.aws, tmp_path, regions=[here.region], sources=off) as exporter:
        exporter.budget.clock = lambda: time.monotonic() + 3600 * hours
        for code in (*reasons, "L-A4707A72"):
            here.quota("vpc", code, value=50, default=5)
        await exporter.poller.once()
        before = Samples(exporter)
        hours = 2
        for code, (reason, _) in reasons.items():
            here.quota("vpc", code, value=50, default=5, error_reason=reason)
        here.quota("vpc", "L-A4707A72", value=60)
        await asyncio.gather(*(exporter.poller._poll(pace) for pace in list(exporter.poller.paces.values())))
        after = Samples(exporter)

    assert before.failures == {}
    for code in reasons:
        assert before.of("quota_limit", ("vpc", code)) == after.of("quota_limit", ("vpc", code)) == {"": 50}
    assert after.of("quota_limit", ("vpc", "L-A4707A72")) == {"": 60}
    assert {error.reason for error in after.failures["vpc", ACCOUNT, here.region]} == {reason for _, reason in reasons.values()}
    for _, reason in reasons.values():
        assert list(after.series("quota_exporter_poll_failure_reason", source="vpc", reason=reason).values()) == [1.0]
    assert list(after.series("quota_exporter_poll_success", source="vpc").values()) == [0.0]


# Pages.


async def test_limits_of_a_list_that_never_ends(here: Here) -> None:
    """Some services repeat their pages for ever: what is on them before that is told."""
    for number, code in enumerate(("L-F678F1CE", "L-E79EC296", "L-DF5E4CA3")):
        here.quota("vpc", code, code, value=10 + number)
    here.aws.page_size = 3
    here.aws.endless.update(("ListServiceQuotas", "ListAWSDefaultServiceQuotas"))

    found = await here.ask("vpc")

    assert [found.limit(code) for code in ("L-F678F1CE", "L-E79EC296", "L-DF5E4CA3")] == [{"": 10}, {"": 11}, {"": 12}]
    assert sum(call.operation == "ListServiceQuotas" for call in here.aws.calls if call.region == here.region) <= 3


async def test_a_count_of_a_list_that_never_ends(here: Here) -> None:
    """What was counted until then is no number: nothing is told but the failure."""
    here.aws.page_size = 1
    here.aws.endless.add("DescribeVpcs")

    found = await here.ask("vpc")

    assert found.usage("L-F678F1CE") == {}
    assert found.usage("L-E79EC296") == {"": 1}
    assert [(type(e).__mro__[1], e.operation) for e in found.errors] == [(Malformed, "ec2.DescribeVpcs")]
    assert sum(call.operation == "DescribeVpcs" for call in here.aws.calls if call.region == here.region) <= 3


# Rates.


def rate_answers(values: list[float], status: str = "Complete", **period: Any) -> Answers:
    """A quota that is a rate, with a point for each minute, over two pages."""
    metric = usage_metric("CreateLogStream", Service="Logs", Type="API") | {"MetricName": "CallCount"}
    fields = {"UsageMetric": metric} | ({"Period": period} if period else {})
    times = [1_799_999_940.0 - 60 * number for number in range(len(values))]
    dimensions = [{"Name": name, "Value": value} for name, value in metric["MetricDimensions"].items()]
    half = len(values) // 2
    return Answers(
        ListServiceQuotas=quotas(quota("L-76507CEF", "logs", Value=50.0, **fields)),
        ListMetrics=[{"Metrics": [{"Namespace": "AWS/Usage", "MetricName": "CallCount", "Dimensions": dimensions}]}],
        GetMetricData=[
            {
                "MetricDataResults": [
                    {"Id": "q0", "StatusCode": "PartialData", "Timestamps": times[:half], "Values": values[:half]}
                ]
            },
            {"MetricDataResults": [{"Id": "q0", "StatusCode": status, "Timestamps": times[half:], "Values": values[half:]}]},
        ],
    )


@pytest.mark.parametrize(
    ("count", "unit", "expected", "text"),
    [
        (1, "SECOND", 10, "requests/s"),
        (1, "MINUTE", 600, "requests/min"),
        (5, "MINUTE", 3000, "requests/5 min"),
        (100, "MILLISECOND", 1, "requests/100 ms"),
    ],
)
async def test_rates_are_those_of_the_worst_minute(count: int, unit: str, expected: float, text: str) -> None:
    """A mean of 15 minutes hides a burst, a maximum of counts per minute is no rate: the worst minute in the quota's period."""
    found = await rate_answers([30, 60, 600, 60], PeriodValue=count, PeriodUnit=unit).ask("logs")

    assert found.usage("L-76507CEF") == {"": pytest.approx(expected)}
    assert {r.quota.unit for r in found.readings if isinstance(r.quota, Quota)} == {text}


async def test_a_rate_without_a_period_is_none() -> None:
    """It could not be compared with its limit."""
    found = await rate_answers([30, 60, 600, 60]).ask("logs")

    assert found.usage("L-76507CEF") == {}
    assert found.limit("L-76507CEF") == {"": 50}


@pytest.mark.parametrize(
    ("status", "kind", "permission"),
    [("Forbidden", Denied, "cloudwatch:GetMetricData"), ("InternalError", Unavailable, ""), ("PartialData", Unavailable, "")],
)
async def test_points_that_are_not_whole(status: str, kind: type[Exception], permission: str) -> None:
    """A status other than Complete on the last page is a failure, and no number comes of what is there."""
    found = await rate_answers([30, 60, 600, 60], status, PeriodValue=1, PeriodUnit="SECOND").ask("logs")

    assert found.usage("L-76507CEF") == {}
    assert found.limit("L-76507CEF") == {"": 50}
    assert [(type(error), error.permission) for error in found.errors] == [(kind, permission)]


async def test_points_of_others_are_whole(here: Here) -> None:
    """What is wrong with one metric takes nothing from another in the same call."""
    counted(here, "L-1216C47A", (60, 64.0))
    here.quota("ec2", "L-34B43A08", value=9, usage_metric=usage_metric("vCPU") | {"MetricName": "OtherCount"})
    here.points(usage_metric("vCPU") | {"MetricName": "OtherCount"}, (60, 1.0))
    here.aws.metrics.statuses["OtherCount"] = "Forbidden"

    found = await here.ask("ec2")

    assert found.usage("L-1216C47A") == {"": 64}
    assert found.usage("L-34B43A08") == {}
    assert [type(error) for error in found.errors] == [Denied]


async def test_points_on_several_pages(here: Here) -> None:
    """GetMetricData cuts its answers by points, also in the middle of a metric."""
    here.aws.metrics.most_points = 1
    codes = ("L-1216C47A", "L-34B43A08", "L-DB2E81BA")
    for number, code in enumerate(codes):
        counted(here, code, *((60 + 300 * ago, 10.0 + number + 100 * ago) for ago in range(4)))

    found = await here.ask("ec2")

    assert [found.usage(code) for code in codes] == [{"": 10}, {"": 11}, {"": 12}]
    assert found.errors == []


# What it costs.


async def test_usage_costs_less_than_a_dollar_a_month(here: Here) -> None:
    """Where every usage metric of the catalogue is alive: the metrics that each source is billed for, at its interval."""
    set_limits(here.aws)
    world = World(here.aws, here.region)
    for code in (*COUNTS, *RATES, ("lambda", "L-B99A9384")):
        SEEDS[code].make(world)
    billed: defaultdict[str, int] = defaultdict(int)
    read = here.aws.front.operations["cloudwatch", "GetMetricData"]
    now = ""

    def counting(call: Asked) -> Json | None:
        billed[now] += len(call.params["MetricDataQueries"])
        return read(call)

    here.aws.front.operations["cloudwatch", "GetMetricData"] = counting
    default = [source for source in SOURCES if source.enabled and source.name != "custom"]
    for now in (source.name for source in default if "cloudwatch:GetMetricData" in source.permissions):
        await here.ask(now)

    assert dict(billed) == {
        "ec2": 14,
        "elasticloadbalancing": 14,
        "fargate": 2,
        "ecr": 2,
        "rates": 3,
        "kms": 1,
        "dynamodb": 2,
        "elasticache": 1,
        "sns": 1,
        "logs": 1,
    }
    usd = sum(number * MONTH / SOURCES_BY_NAME[name].every * 1e-5 for name, number in billed.items())
    assert usd == pytest.approx(0.8064)
    assert usd < 1
