"""What is made in the embedded AWS for each row of the catalogue, and what the row must say of it then.

A seeding function makes what counts, and beside it what does not: other states, other types, what belongs to others. It
returns the usage by which the row must be told: a number, numbers by resource, or a function where other seeds add to it.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from quota_exporter.demo.aws.calls import Asked, Json
from quota_exporter.demo.aws.server import ACCOUNT, Aws
from tests.aws_polled import REGION, Code

STRANGER = "999999999999"
"""An account that shares what it has with ours."""

ROLE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOWED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}


class Partly(NamedTuple):
    """Usage of some resources, beside which others may have some; None of those that must not be told."""

    resources: dict[str, float | None]


Numbers = float | dict[str, float] | Partly
Usage = Numbers | Callable[[], float]


@dataclass
class World:
    """The embedded AWS while it is seeded.

    Attributes:
        region: Where it is seeded.
        ids: Of what several seeds need, by name.
        made: How many were made of what several seeds make.
    """

    aws: Aws
    region: str = REGION
    ids: dict[str, str] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client for seeding, made when it is first asked for."""
        if service not in self._clients:
            self._clients[service] = self.aws.client(service, self.region)
        return self._clients[service]

    def also(self, call: str, member: str, *items: Json) -> None:
        """Lets an operation answer items too that moto cannot make."""
        service, _, operation = call.partition(".")
        before = self.aws.front.corrections.get((service, operation))

        def correction(asked: Asked, result: Json) -> Json:
            found = result if before is None else before(asked, result)
            if asked.call.region not in (self.region, "us-east-1"):
                return found
            return found | {member: [*(found.get(member) or []), *items]}

        self.aws.front.corrections[service, operation] = correction

    def vpc(self, name: str = "shop", cidr: str = "10.1.0.0/16") -> str:
        """Id of a VPC, made when it is first asked for."""
        if name not in self.ids:
            self.ids[name] = self.client("ec2").create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
            self.made["VPCs"] += 1
        return self.ids[name]

    def subnet(self, number: int = 0, vpc: str = "shop") -> str:
        """Id of a subnet of a VPC, in one of two zones; made when it is first asked for."""
        name = f"{vpc}-{number}"
        if name not in self.ids:
            of_vpc, zone = self.vpc(vpc), f"{REGION}{'ab'[number % 2]}"
            cidr = f"10.{1 if vpc == 'shop' else 2}.{number}.0/24"
            made = self.client("ec2").create_subnet(VpcId=of_vpc, CidrBlock=cidr, AvailabilityZone=zone)
            self.ids[name] = made["Subnet"]["SubnetId"]
            self.made[f"subnets of {vpc}"] += 1
        return self.ids[name]

    def group(self, name: str, vpc: str = "shop") -> str:
        """Id of a security group, made when it is first asked for."""
        if name not in self.ids:
            made = self.client("ec2").create_security_group(GroupName=name, Description=name, VpcId=self.vpc(vpc))
            self.ids[name] = made["GroupId"]
            self.made["security groups"] += 1
        return self.ids[name]


@dataclass(frozen=True)
class Seed:
    """A row's.

    Attributes:
        make: Makes what is counted, and returns the usage.
        ceiling: The documented maximum that the row has.
        fixed: Whether Service Quotas says that the quota cannot be raised: its limit is its ceiling.
        own: Client and name of the limit that the service tells itself, where that is the row's.
        limit: The limit, where the row has it neither in Service Quotas nor by `own`; or of each resource.
        factor: From the unit of `own` to the row's.
        only_default: Whether Service Quotas has it in the list of defaults only.
        metric: `UsageMetric` that Service Quotas names.
        period: Of a rate.
    """

    make: Callable[[World], Usage]
    ceiling: float | None = None
    fixed: bool = False
    own: tuple[str, str] | None = None
    limit: float | dict[str, float] | None = None
    factor: float = 1.0
    only_default: bool = False
    metric: Json | None = None
    period: tuple[int, str] | None = None


SEEDS: dict[Code, Seed] = {}


def seed(service: str, code: str, **facts: Any) -> Callable[[Callable[[World], Usage]], Callable[[World], Usage]]:
    """Registers a seeding function for a row."""

    def registered(make: Callable[[World], Usage]) -> Callable[[World], Usage]:
        assert (service, code) not in SEEDS, f"{service} {code} is seeded twice"
        SEEDS[service, code] = Seed(make, **facts)
        return make

    return registered


# Usage metrics.


def _metric(service: str, **dimensions: str) -> Json:
    told = {"Service": service, "Type": "Resource", "Class": "None"} | dimensions
    return {"MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount", "MetricDimensions": told}


def _vcpu(service: str, kind: str) -> Json:
    return _metric(service, Resource="vCPU", Class=kind)


def _elb(resource: str) -> Json:
    return _metric("Elastic Load Balancing", Resource=resource)


COUNTS: dict[Code, Json] = {
    ("ec2", "L-1216C47A"): _vcpu("EC2", "Standard/OnDemand"),
    ("ec2", "L-34B43A08"): _vcpu("EC2", "Standard/Spot"),
    ("ec2", "L-DB2E81BA"): _vcpu("EC2", "G/OnDemand"),
    ("ec2", "L-3819A6DF"): _vcpu("EC2", "G/Spot"),
    ("ec2", "L-417A185B"): _vcpu("EC2", "P/OnDemand"),
    ("ec2", "L-7212CCBC"): _vcpu("EC2", "P/Spot"),
    ("ec2", "L-C4BD4855"): _vcpu("EC2", "P5/Spot"),
    ("ec2", "L-1945791B"): _vcpu("EC2", "Inf/OnDemand"),
    ("ec2", "L-B5D1601B"): _vcpu("EC2", "Inf/Spot"),
    ("ec2", "L-2C3B7624"): _vcpu("EC2", "Trn/OnDemand"),
    ("ec2", "L-6B0D517C"): _vcpu("EC2", "Trn/Spot"),
    ("ec2", "L-7295265B"): _vcpu("EC2", "X/OnDemand"),
    ("ec2", "L-E3A00192"): _vcpu("EC2", "X/Spot"),
    ("ec2", "L-43DA4232"): _vcpu("EC2", "HighMem/OnDemand"),
    ("elasticloadbalancing", "L-53DA6B97"): _elb("ApplicationLoadBalancersPerRegion"),
    ("elasticloadbalancing", "L-69A177A2"): _elb("NetworkLoadBalancersPerRegion"),
    ("elasticloadbalancing", "L-E9E9831D"): _elb("ClassicLoadBalancersPerRegion"),
    ("elasticloadbalancing", "L-B22855CB"): _elb("TargetGroupsPerRegion"),
    ("elasticloadbalancing", "L-7E6692B2"): _elb("TargetsPerApplicationLoadBalancer"),
    ("elasticloadbalancing", "L-EEF1AD04"): _elb("TargetsPerNetworkLoadBalancer"),
    ("elasticloadbalancing", "L-B211E961"): _elb("TargetsPerAvailabilityZonePerNetworkLoadBalancer"),
    ("elasticloadbalancing", "L-A0D0B863"): _elb("TargetsPerTargetGroupPerRegion"),
    ("elasticloadbalancing", "L-B6DF7632"): _elb("ListenersPerApplicationLoadBalancer"),
    ("elasticloadbalancing", "L-57A373D6"): _elb("ListenersPerNetworkLoadBalancer"),
    ("elasticloadbalancing", "L-7EED9B64"): _elb("RoutingRulesPerApplicationLoadBalancer"),
    ("elasticloadbalancing", "L-822D1B1B"): _elb("TargetGroupsPerApplicationLoadBalancer"),
    ("elasticloadbalancing", "L-9365A611"): _elb("CertificatesPerApplicationLoadBalancer"),
    ("elasticloadbalancing", "L-23568085"): _elb("NetworkLoadBalancersENIsPerVPC"),
    ("fargate", "L-3032A538"): _vcpu("Fargate", "Standard/OnDemand"),
    ("fargate", "L-36FBB829"): _vcpu("Fargate", "Standard/Spot"),
    ("kms", "L-C2F1777E"): _metric("KMS", Resource="KeysPerAccount"),
    ("dynamodb", "L-34F6A552"): _metric("DynamoDB", Resource="AccountProvisionedReadCapacityUnits"),
    ("dynamodb", "L-34F8CCC8"): _metric("DynamoDB", Resource="AccountProvisionedWriteCapacityUnits"),
    ("elasticache", "L-DFE45DF3"): _metric("ElastiCache", Resource="NodesPerRegion"),
    ("sns", "L-61103206"): _metric("SNS", Resource="ApproximateNumberOfTopics"),
}
"""Rows whose usage is a count that Service Quotas names the metric of, and that metric."""

RATES: dict[Code, tuple[str, str, tuple[int, str]]] = {
    ("ecr", "L-16E70933"): ("ECR", "BatchGetImage", (1, "SECOND")),
    ("ecr", "L-A60A366D"): ("ECR", "GetDownloadUrlForLayer", (1, "SECOND")),
    ("ecr", "L-55A41110"): ("ECR", "GetAuthorizationToken", (1, "MINUTE")),
    ("kms", "L-6E3AF000"): ("KMS", "CryptographicOperationsSymmetric", (1, "SECOND")),
    ("logs", "L-76507CEF"): ("Logs", "CreateLogStream", (5, "MINUTE")),
    ("monitoring", "L-5E141212"): ("CloudWatch", "GetMetricData", (1, "SECOND")),
    ("servicequotas", "L-65470577"): ("Service Quotas", "ListServiceQuotas", (1, "SECOND")),
    ("servicequotas", "L-71DCD22A"): ("Service Quotas", "ListAWSDefaultServiceQuotas", (10, "SECOND")),
    ("servicequotas", "L-09C84CC6"): ("Service Quotas", "GetServiceQuota", (1, "SECOND")),
}
"""Rows whose usage is a rate: service and operation of its metric, and the quota's period."""

FIXED = {("elasticloadbalancing", "L-57A373D6"), ("elasticloadbalancing", "L-822D1B1B")}
SECONDS = {"SECOND": 1, "MINUTE": 60}


def _of_counts(number: int, metric: Json) -> Callable[[World], Usage]:
    def make(world: World) -> Usage:
        now, usage = time.time(), 20.0 + number
        put(world, metric, (now - 60, usage), (now - 900, usage + 500))
        # Nobody asks for what has the same name and other dimensions.
        put(world, metric | {"MetricDimensions": metric["MetricDimensions"] | {"Resource": "Other"}}, (now - 60, 4000.0))
        return usage

    return make


def _of_rates(number: int, metric: Json, period: tuple[int, str]) -> Callable[[World], Usage]:
    def make(world: World) -> Usage:
        minute = (time.time() - 600) // 60 * 60
        busiest = [(minute + 5, 60.0 * number), (minute + 35, 120.0)]
        put(world, metric, *busiest, (minute - 55, 60.0), (minute + 65, 90.0))
        return (number + 2) * period[0] * SECONDS[period[1]]

    return make


def put(world: World, metric: Json, *points: tuple[float, float]) -> None:
    """Writes points of a usage metric."""
    named = (metric["MetricNamespace"], metric["MetricName"], metric["MetricDimensions"])
    world.aws.put_metric(ACCOUNT, world.region, *named, points=points)


for _number, (_code, _told) in enumerate(COUNTS.items()):
    SEEDS[_code] = Seed(_of_counts(_number, _told), metric=_told, fixed=_code in FIXED)
for _number, (_code, (_service, _operation, _period)) in enumerate(RATES.items(), 1):
    _told = _metric(_service, Type="API", Resource=_operation) | {"MetricName": "CallCount"}
    SEEDS[_code] = Seed(
        _of_rates(_number, _told, _period), metric=_told, period=_period, fixed=_code[0] in ("monitoring", "servicequotas")
    )


@seed("lambda", "L-B99A9384", own=("lambda", "ConcurrentExecutions"))
def concurrent_executions(world: World) -> Usage:
    """The most of the account; single functions have the same metric."""
    minute = (time.time() - 600) // 60 * 60
    world.aws.put_metric(
        ACCOUNT,
        world.region,
        "AWS/Lambda",
        "ConcurrentExecutions",
        points=[(minute, 40.0), (minute + 20, 85.0), (minute + 60, 30.0)],
    )
    world.aws.put_metric(
        ACCOUNT, world.region, "AWS/Lambda", "ConcurrentExecutions", {"FunctionName": "one"}, points=[(minute, 900.0)]
    )
    return 85


@seed("vpc", "L-BB24F6E5", ceiling=256_000, only_default=True)
def network_address_usage(world: World) -> Usage:
    """Two VPCs tell it; one does so no more."""
    return _address_usage(world, "NetworkAddressUsage")


@seed("vpc", "L-CD17FD4B", ceiling=512_000)
def network_address_usage_peered(world: World) -> Usage:
    """The same with peers."""
    return _address_usage(world, "NetworkAddressUsagePeered")


def _address_usage(world: World, name: str) -> Usage:
    now = time.time()
    for vpc, points in {
        world.vpc("shop"): [(now - 3 * 3600, 70.0), (now - 4 * 3600, 900.0)],
        world.vpc("bank", "10.2.0.0/16"): [(now - 5 * 3600, 12.0)],
        "vpc-0gone": [(now - 40 * 3600, 55.0)],
    }.items():
        world.aws.put_metric(ACCOUNT, world.region, "AWS/EC2", name, {"Per-VPC Metrics": vpc}, points=points)
    return {world.vpc("shop"): 70, world.vpc("bank"): 12}


# EC2.


@seed("ec2", "L-0263D0A3")
def elastic_addresses(world: World) -> Usage:
    """Those of the VPC, whether they are in use or not; NAT gateways have some."""
    for _ in range(3):
        _address(world)
    world.client("ec2").allocate_address(Domain="standard")
    return lambda: world.made["addresses"]


def _address(world: World) -> str:
    world.made["addresses"] += 1
    return str(world.client("ec2").allocate_address(Domain="vpc")["AllocationId"])


def transit_gateway(world: World, name: str) -> str:
    """Id of a transit gateway, made when it is first asked for."""
    if name not in world.ids:
        world.ids[name] = world.client("ec2").create_transit_gateway(Description=name)["TransitGateway"]["TransitGatewayId"]
    return world.ids[name]


@seed("ec2", "L-A2478D36")
def transit_gateways(world: World) -> Usage:
    """Not deleted ones, and not those that others share."""
    for name in ("hub", "edge", "third"):
        transit_gateway(world, name)
    world.also(
        "ec2.DescribeTransitGateways",
        "TransitGateways",
        {"TransitGatewayId": "tgw-0shared", "OwnerId": STRANGER, "State": "available"},
        {"TransitGatewayId": "tgw-0gone", "OwnerId": ACCOUNT, "State": "deleted"},
    )
    return 3


def _attach(world: World) -> None:
    if "attached" in world.ids:
        return
    for name, vpc in (("hub", "shop"), ("hub", "bank"), ("edge", "shop")):
        world.client("ec2").create_transit_gateway_vpc_attachment(
            TransitGatewayId=transit_gateway(world, name), VpcId=world.vpc(vpc), SubnetIds=[world.subnet(0, vpc)]
        )
    common = {"ResourceType": "vpc", "State": "available", "TransitGatewayOwnerId": ACCOUNT, "ResourceOwnerId": ACCOUNT}
    hub, shop = transit_gateway(world, "hub"), world.vpc("shop")
    world.also(
        "ec2.DescribeTransitGatewayAttachments",
        "TransitGatewayAttachments",
        common | {"TransitGatewayId": hub, "ResourceId": shop, "State": "deleted"},
        common | {"TransitGatewayId": hub, "ResourceId": shop, "State": "rejected"},
        common | {"TransitGatewayId": hub, "ResourceId": "vpc-0theirs", "ResourceOwnerId": STRANGER},
        common | {"TransitGatewayId": hub, "ResourceId": "vpn-0ours", "ResourceType": "vpn"},
        common | {"TransitGatewayId": "tgw-0shared", "ResourceId": shop, "TransitGatewayOwnerId": STRANGER},
    )
    world.ids["attached"] = hub


@seed("ec2", "L-E0233F82")
def attachments_per_gateway(world: World) -> Usage:
    """Whoever attaches to our gateways, whatever it is; not what is gone."""
    _attach(world)
    return {transit_gateway(world, "hub"): 4, transit_gateway(world, "edge"): 1}


@seed("ec2", "L-6DA43717", fixed=True)
def gateways_per_vpc(world: World) -> Usage:
    """Of our VPCs, to whosever gateways."""
    _attach(world)
    return {world.vpc("shop"): 3, world.vpc("bank"): 1}


@seed("ec2", "L-3E6EC3A3")
def vpn_connections(world: World) -> Usage:
    """Deleted ones are listed for a while."""
    client = world.client("ec2")
    customer = client.create_customer_gateway(Type="ipsec.1", PublicIp="192.0.2.1", BgpAsn=65000)["CustomerGateway"]
    gateways = [client.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"] for _ in range(5)]
    for gateway in gateways[:4]:
        made = client.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=customer["CustomerGatewayId"], VpnGatewayId=gateway)
    client.delete_vpn_connection(VpnConnectionId=made["VpnConnection"]["VpnConnectionId"])
    world.also("ec2.DescribeVpnGateways", "VpnGateways", {"VpnGatewayId": "vgw-0gone", "State": "deleted"})
    return 3


@seed("ec2", "L-7029FAB6")
def vpn_gateways(world: World) -> Usage:
    """Those of the connections, and nothing that was deleted."""
    return 5


@seed("ec2", "L-FB451C26")
def launch_templates(world: World) -> Usage:
    """Whatever versions they have."""
    client = world.client("ec2")
    for name in ("web", "batch", "other"):
        client.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.nano"})
    client.create_launch_template_version(LaunchTemplateName="web", LaunchTemplateData={"InstanceType": "t3.micro"})
    return 3


@seed("ec2", "L-B665C33B")
def images(world: World) -> Usage:
    """Own ones, those that are disabled too, but not those that failed."""
    for name in ("one", "two", "three"):
        world.client("ec2").register_image(Name=name, RootDeviceName="/dev/sda1")
    world.also(
        "ec2.DescribeImages",
        "Images",
        {"ImageId": "ami-0disabled", "State": "disabled", "OwnerId": ACCOUNT},
        {"ImageId": "ami-0failed", "State": "failed", "OwnerId": ACCOUNT},
        {"ImageId": "ami-0gone", "State": "deregistered", "OwnerId": ACCOUNT},
    )
    return 4


# VPC.


@seed("vpc", "L-F678F1CE")
def vpcs(world: World) -> Usage:
    """With the one that is there from the beginning; not those that others share."""
    world.vpc("shop")
    world.vpc("bank", "10.2.0.0/16")
    four = [
        {"CidrBlock": f"10.{9 + number}.0.0/16", "AssociationId": f"vpc-cidr-assoc-{number}", "CidrBlockState": {"State": state}}
        for number, state in enumerate(("associated", "associated", "disassociated", "failed"))
    ]
    six = [
        {"Ipv6CidrBlock": f"2001:db8:{number}::/56", "Ipv6CidrBlockState": {"State": state}}
        for number, state in enumerate(("associated", "disassociated"))
    ]
    blocks = {"State": "available", "CidrBlockAssociationSet": four, "Ipv6CidrBlockAssociationSet": six}
    world.also(
        "ec2.DescribeVpcs",
        "Vpcs",
        blocks | {"VpcId": "vpc-0changed", "OwnerId": ACCOUNT},
        blocks | {"VpcId": "vpc-0theirs", "OwnerId": STRANGER},
    )
    return lambda: 1 + world.made["VPCs"] + 1


@seed("vpc", "L-407747CB")
def subnets_per_vpc(world: World) -> Usage:
    """Not those that others share, even in a VPC that is ours."""
    for number in range(4):
        world.subnet(number)
    world.subnet(0, "bank")
    theirs = {"OwnerId": STRANGER, "State": "available", "AvailabilityZone": f"{REGION}a"}
    world.also(
        "ec2.DescribeSubnets",
        "Subnets",
        *(
            theirs
            | {
                "SubnetId": f"subnet-0theirs{number}",
                "VpcId": "vpc-0theirs",
                "CidrBlock": f"10.9.{number}.0/24",
                "AvailableIpAddressCount": 251,
            }
            for number in range(3)
        ),
    )
    return Partly({world.vpc("shop"): 4, world.vpc("bank"): 1, "vpc-0theirs": None})


@seed("vpc", "L-44499CD2")
def shared_subnets(world: World) -> Usage:
    """Only those of others."""
    return 3


@seed("vpc", "L-83CA0A9D", ceiling=50)
def ipv4_blocks(world: World) -> Usage:
    """Those that are associated."""
    client = world.client("ec2")
    for cidr in ("10.101.0.0/16", "10.102.0.0/16", "10.103.0.0/16"):
        made = client.associate_vpc_cidr_block(VpcId=world.vpc("shop"), CidrBlock=cidr)
    client.disassociate_vpc_cidr_block(AssociationId=made["CidrBlockAssociation"]["AssociationId"])
    return Partly({world.vpc("shop"): 3, world.vpc("bank"): 1, "vpc-0changed": 2, "vpc-0theirs": None})


@seed("vpc", "L-085A6257", ceiling=50)
def ipv6_blocks(world: World) -> Usage:
    """A VPC without any has 0 of them."""
    world.client("ec2").associate_vpc_cidr_block(VpcId=world.vpc("shop"), AmazonProvidedIpv6CidrBlock=True)
    return Partly({world.vpc("shop"): 1, world.vpc("bank"): 0, "vpc-0changed": 1, "vpc-0theirs": None})


@seed("vpc", "L-589F43AA")
def route_tables(world: World) -> Usage:
    """With the main one of each VPC."""
    tables = [world.client("ec2").create_route_table(VpcId=world.vpc("shop")) for _ in range(2)]
    world.ids |= {f"table-{number}": made["RouteTable"]["RouteTableId"] for number, made in enumerate(tables)}
    local = {"DestinationCidrBlock": "10.9.0.0/16", "GatewayId": "local", "Origin": "CreateRouteTable"}
    world.also(
        "ec2.DescribeRouteTables",
        "RouteTables",
        {"RouteTableId": "rtb-0theirs", "VpcId": "vpc-0theirs", "OwnerId": STRANGER, "Routes": [local]},
        {"RouteTableId": "rtb-0propagated", "VpcId": "vpc-0third", "OwnerId": ACCOUNT, "Routes": [local, *_propagated()]},
    )
    return Partly({world.vpc("shop"): 3, world.vpc("bank"): 1, "vpc-0third": 1, "vpc-0theirs": None})


def _propagated() -> list[Json]:
    route = {"GatewayId": "vgw-01", "Origin": "EnableVgwRoutePropagation", "State": "active"}
    return [route | {"DestinationCidrBlock": f"172.16.{number}.0/24"} for number in range(5)]


@seed("vpc", "L-93826ACB", ceiling=1000)
def routes(world: World) -> Usage:
    """Of the version that has more: the table's own and added ones, but none that a gateway propagates."""
    client = world.client("ec2")
    gateway = client.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    client.attach_internet_gateway(InternetGatewayId=gateway, VpcId=world.vpc("shop"))
    world.made["internet gateways"] += 1
    for number in range(3):
        client.create_route(RouteTableId=world.ids["table-0"], DestinationCidrBlock=f"192.0.{number}.0/24", GatewayId=gateway)
    client.create_route(RouteTableId=world.ids["table-0"], DestinationIpv6CidrBlock="2001:db8::/32", GatewayId=gateway)
    return Partly({world.ids["table-0"]: 6, "rtb-0propagated": 1, "rtb-0theirs": None})


@seed("vpc", "L-A4707A72")
def internet_gateways(world: World) -> Usage:
    """Attached or not."""
    for _ in range(2):
        world.client("ec2").create_internet_gateway()
        world.made["internet gateways"] += 1
    world.also("ec2.DescribeInternetGateways", "InternetGateways", {"InternetGatewayId": "igw-0theirs", "OwnerId": STRANGER})
    return lambda: world.made["internet gateways"]


@seed("vpc", "L-45FE3B85")
def egress_only_gateways(world: World) -> Usage:
    """All that are listed."""
    for vpc in ("shop", "bank", "shop"):
        world.client("ec2").create_egress_only_internet_gateway(VpcId=world.vpc(vpc))
    return 3


@seed("vpc", "L-FE5A380F")
def nat_gateways_per_zone(world: World) -> Usage:
    """Those that are coming and going too, in the zones of their subnets."""
    for number in range(3):
        _nat_gateway(world, number)
    subnet = world.subnet(1)
    state = {"ConnectivityType": "private", "VpcId": world.vpc("shop"), "SubnetId": subnet, "NatGatewayAddresses": []}
    spread = {"AllocationId": "eipalloc-1", "Status": "succeeded"}
    world.also(
        "ec2.DescribeNatGateways",
        "NatGateways",
        state | {"NatGatewayId": "nat-0coming", "State": "pending"},
        state | {"NatGatewayId": "nat-0going", "State": "deleting"},
        state | {"NatGatewayId": "nat-0gone", "State": "deleted"},
        state | {"NatGatewayId": "nat-0failed", "State": "failed"},
        {
            "NatGatewayId": "nat-0regional",
            "State": "available",
            "ConnectivityType": "public",
            "AvailabilityMode": "regional",
            "VpcId": world.vpc("shop"),
            "NatGatewayAddresses": [spread, spread],
        },
        state
        | {
            "NatGatewayId": "nat-0wide",
            "State": "available",
            "ConnectivityType": "public",
            "SubnetId": world.subnet(0),
            "NatGatewayAddresses": [
                spread,
                spread,
                {"AllocationId": "eipalloc-2", "Status": "failed"},
                {"PrivateIp": "10.1.0.9"},
            ],
        },
    )
    return {f"{REGION}a": 3, f"{REGION}b": 3}


def _nat_gateway(world: World, number: int) -> None:
    made = world.client("ec2").create_nat_gateway(SubnetId=world.subnet(number), AllocationId=_address(world))
    world.ids[f"nat-{number}"] = made["NatGateway"]["NatGatewayId"]
    world.made["interfaces"] += 1


@seed("vpc", "L-5F53652F", ceiling=8)
def addresses_per_nat_gateway(world: World) -> Usage:
    """Public ones in zones, with the addresses that they have."""
    return {world.ids[f"nat-{number}"]: 1.0 for number in range(3)} | {"nat-0wide": 2.0}


@seed("vpc", "L-E79EC296")
def security_groups(world: World) -> Usage:
    """With the default one of each VPC."""
    for name in ("front", "back"):
        world.group(name)
    world.also(
        "ec2.DescribeSecurityGroups",
        "SecurityGroups",
        {"GroupId": "sg-0theirs", "GroupName": "theirs", "OwnerId": STRANGER, "VpcId": "vpc-0theirs"},
    )
    return lambda: 1 + world.made["VPCs"] + world.made["security groups"]


@seed("vpc", "L-0EA8095F")
def security_group_rules(world: World) -> Usage:
    """The highest of in and out by IPv4 and IPv6; a rule that names a group is for both, a prefix list is as its entries."""
    client = world.client("ec2")
    listed = client.create_managed_prefix_list(PrefixListName="offices", MaxEntries=7, AddressFamily="IPv4")["PrefixList"]
    tcp = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    wide, narrow, strange = (world.group(name) for name in ("wide", "narrow", "strange"))
    four = [{"CidrIp": f"192.0.2.{number}/32"} for number in range(3)]
    six = [{"CidrIpv6": "2001:db8::/32"}, {"CidrIpv6": "2001:db9::/32"}]
    client.authorize_security_group_ingress(GroupId=wide, IpPermissions=[tcp | {"IpRanges": four, "Ipv6Ranges": six}])
    client.authorize_security_group_ingress(GroupId=wide, IpPermissions=[tcp | {"UserIdGroupPairs": [{"GroupId": narrow}]}])
    client.authorize_security_group_egress(
        GroupId=wide, IpPermissions=[tcp | {"PrefixListIds": [{"PrefixListId": listed["PrefixListId"]}]}]
    )
    client.authorize_security_group_ingress(GroupId=narrow, IpPermissions=[tcp | {"IpRanges": four[:2], "Ipv6Ranges": six}])
    rule = {"IsEgress": False, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    world.also(
        "ec2.DescribeSecurityGroupRules",
        "SecurityGroupRules",
        rule | {"SecurityGroupRuleId": "sgr-01", "GroupId": strange, "GroupOwnerId": ACCOUNT, "PrefixListId": "pl-0unknown"},
        rule | {"SecurityGroupRuleId": "sgr-02", "GroupId": "sg-0theirs", "GroupOwnerId": STRANGER, "CidrIpv4": "0.0.0.0/0"},
    )
    # Out: all IPv4 of a new group (1) and the list (7). In: three and the group.
    return Partly({wide: 8, narrow: 2, strange: None, "sg-0theirs": None})


@seed("vpc", "L-2AFB9258", ceiling=16)
def groups_per_interface(world: World) -> Usage:
    """Of our interfaces."""
    client = world.client("ec2")
    for name, groups in (("eni-3", ("front", "back", "wide")), ("eni-1", ("front",))):
        made = client.create_network_interface(SubnetId=world.subnet(0), Groups=[world.group(group) for group in groups])
        world.ids[name] = made["NetworkInterface"]["NetworkInterfaceId"]
        world.made["interfaces"] += 1
    lambdas = {"InterfaceType": "lambda", "Status": "in-use", "Groups": [{"GroupId": world.group("front"), "GroupName": "front"}]}
    world.also(
        "ec2.DescribeNetworkInterfaces",
        "NetworkInterfaces",
        lambdas | {"NetworkInterfaceId": "eni-0lambda1", "VpcId": world.vpc("shop"), "OwnerId": ACCOUNT},
        lambdas | {"NetworkInterfaceId": "eni-0lambda2", "VpcId": world.vpc("shop"), "OwnerId": ACCOUNT},
        lambdas | {"NetworkInterfaceId": "eni-0lambda3", "VpcId": world.vpc("bank"), "OwnerId": ACCOUNT},
        lambdas | {"NetworkInterfaceId": "eni-0theirs", "VpcId": world.vpc("shop"), "OwnerId": STRANGER},
    )
    world.made["interfaces"] += 3
    return Partly({world.ids["eni-3"]: 3, world.ids["eni-1"]: 1, "eni-0lambda1": 1, "eni-0theirs": None})


@seed("vpc", "L-DF5E4CA3")
def interfaces(world: World) -> Usage:
    """Everybody's who makes some in our subnets, but not those of others."""
    return lambda: world.made["interfaces"]


@seed("lambda", "L-9FEE3D26")
def lambda_interfaces(world: World) -> Usage:
    """Those of Lambda only."""
    return {world.vpc("shop"): 2, world.vpc("bank"): 1}


@seed("vpc", "L-B4A6D682")
def network_acls(world: World) -> Usage:
    """With the default one of each VPC."""
    made = [world.client("ec2").create_network_acl(VpcId=world.vpc("shop")) for _ in range(2)]
    world.ids |= {f"acl-{number}": one["NetworkAcl"]["NetworkAclId"] for number, one in enumerate(made)}
    world.also(
        "ec2.DescribeNetworkAcls",
        "NetworkAcls",
        {"NetworkAclId": "acl-0theirs", "VpcId": "vpc-0theirs", "OwnerId": STRANGER, "Entries": []},
    )
    return Partly({world.vpc("shop"): 3, world.vpc("bank"): 1, "vpc-0theirs": None})


@seed("vpc", "L-2AEEBF1A", ceiling=40)
def network_acl_rules(world: World) -> Usage:
    """The highest of in and out by IPv4 and IPv6."""
    acl = world.ids["acl-0"]
    for number, (egress, cidr) in enumerate(
        [(False, {"CidrBlock": "192.0.2.0/24"})] * 4
        + [(True, {"CidrBlock": "192.0.2.0/24"})] * 2
        + [(False, {"Ipv6CidrBlock": "2001:db8::/32"})] * 3
    ):
        world.client("ec2").create_network_acl_entry(
            NetworkAclId=acl, RuleNumber=100 + number, Protocol="-1", RuleAction="allow", Egress=egress, **cidr
        )
    default = {"Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767}
    world.also(
        "ec2.DescribeNetworkAcls",
        "NetworkAcls",
        {
            "NetworkAclId": "acl-0six",
            "VpcId": world.vpc("bank"),
            "OwnerId": STRANGER,
            "Entries": [default | {"Egress": False, "CidrBlock": "0.0.0.0/0"}] * 3,
        },
    )
    # Moto puts no deny rules into the ACLs that it makes.
    return Partly({acl: 4, world.ids["acl-1"]: 0, "acl-0theirs": None, "acl-0six": None})


def _peering(requester: str, accepter: str, state: str, **fields: str) -> Json:
    """A peering connection as it is listed, with owners and Regions of its ends by `fields`."""
    ends = {
        "RequesterVpcInfo": {
            "VpcId": requester,
            "OwnerId": fields.get("requester_owner", ACCOUNT),
            "Region": fields.get("requester_region", REGION),
        },
        "AccepterVpcInfo": {
            "VpcId": accepter,
            "OwnerId": fields.get("accepter_owner", ACCOUNT),
            "Region": fields.get("accepter_region", REGION),
        },
    }
    return ends | {"VpcPeeringConnectionId": f"pcx-{requester}-{accepter}", "Status": {"Code": state}}


@seed("vpc", "L-7E9ECCDB", ceiling=125)
def peerings(world: World) -> Usage:
    """Active ones, at each end that is ours and here."""
    client = world.client("ec2")
    shop, bank = world.vpc("shop"), world.vpc("bank")
    made = client.create_vpc_peering_connection(VpcId=shop, PeerVpcId=bank)["VpcPeeringConnection"]
    client.accept_vpc_peering_connection(VpcPeeringConnectionId=made["VpcPeeringConnectionId"])
    world.also(
        "ec2.DescribeVpcPeeringConnections",
        "VpcPeeringConnections",
        _peering(shop, "vpc-0there", "active", accepter_region="eu-central-1"),
        _peering("vpc-0theirs", shop, "active", requester_owner=STRANGER),
        _peering(shop, bank, "deleted"),
        _peering(shop, "vpc-0a", "pending-acceptance"),
        _peering(shop, "vpc-0b", "pending-acceptance", accepter_owner=STRANGER),
        _peering("vpc-0theirs", shop, "pending-acceptance", requester_owner=STRANGER),
        _peering("vpc-0there", shop, "pending-acceptance", requester_region="eu-central-1"),
    )
    return {shop: 3, bank: 1}


@seed("vpc", "L-DC9F7029")
def peering_requests(world: World) -> Usage:
    """Those that we made from here."""
    return 2


@seed("vpc", "L-1B52E74A")
def gateway_endpoints(world: World) -> Usage:
    """Of their type, and not deleted."""
    for service in ("s3", "dynamodb"):
        _endpoint(world, f"com.amazonaws.{REGION}.{service}", VpcEndpointType="Gateway")
    world.also(
        "ec2.DescribeVpcEndpoints",
        "VpcEndpoints",
        *(_listed_endpoint(world, f"vpce-0{state}", "Gateway", state) for state in ("deleted", "Deleted", "Pending")),
        _listed_endpoint(world, "vpce-0theirs", "Gateway", "Available") | {"OwnerId": STRANGER},
    )
    return 3


def _endpoint(world: World, service: str, **fields: Any) -> None:
    world.client("ec2").create_vpc_endpoint(VpcId=world.vpc("shop"), ServiceName=service, **fields)


def _listed_endpoint(world: World, name: str, kind: str, state: str) -> Json:
    return {
        "VpcEndpointId": name,
        "VpcEndpointType": kind,
        "VpcId": world.vpc("shop"),
        "State": state,
        "OwnerId": ACCOUNT,
    }


@seed("vpc", "L-29B6F2EB")
def interface_endpoints(world: World) -> Usage:
    """With those of Gateway Load Balancers."""
    for service in ("ec2", "sts"):
        _endpoint(world, f"com.amazonaws.{REGION}.{service}", VpcEndpointType="Interface", SubnetIds=[world.subnet(0)])
        world.made["interfaces"] += 1
    world.also(
        "ec2.DescribeVpcEndpoints",
        "VpcEndpoints",
        _listed_endpoint(world, "vpce-0gwlb", "GatewayLoadBalancer", "Available"),
        _listed_endpoint(world, "vpce-0away", "Interface", "Deleted"),
        _listed_endpoint(world, "vpce-0strange", "Interface", "Available") | {"OwnerId": STRANGER},
    )
    return {world.vpc("shop"): 3}


# EBS.


def _volumes(kind: str, *sizes: int, iops: int | None = None) -> Callable[[World], Usage]:
    def make(world: World) -> Usage:
        for size in sizes:
            fields = {} if iops is None else {"Iops": iops}
            world.client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=size, VolumeType=kind, **fields)
        return lambda: (sum(sizes) + world.made[f"GiB of {kind}"]) / 1024

    return make


for _quota, _make in {
    "L-7A658B76": _volumes("gp3", 1024, 512),
    "L-D18FCD1D": _volumes("gp2", 256, 128, 128),
    "L-FD252861": _volumes("io1", 100, 28, iops=300),
    "L-09BD8365": _volumes("io2", 64, 192, iops=700),
    "L-82ACEF56": _volumes("st1", 2048),
    "L-17AF77E8": _volumes("sc1", 5120),
}.items():
    SEEDS["ebs", _quota] = Seed(_make)


@seed("ebs", "L-B3A130E6")
def io1_iops(world: World) -> Usage:
    """Of the volumes that count for storage."""
    return 600


@seed("ebs", "L-8D977E7E")
def io2_iops(world: World) -> Usage:
    """Of the volumes that count for storage."""
    return 1400


@seed("ebs", "L-309BACF6")
def snapshots(world: World) -> Usage:
    """Own ones, in whatever state; moto has a thousand public ones, and makes one of each image."""
    client = world.client("ec2")
    volume = client.create_volume(AvailabilityZone=f"{REGION}a", Size=1, VolumeType="standard")["VolumeId"]
    before = len(client.describe_snapshots(OwnerIds=["self"])["Snapshots"])
    for _ in range(3):
        client.create_snapshot(VolumeId=volume)
    pending = {"SnapshotId": "snap-0pending", "State": "pending", "OwnerId": ACCOUNT, "VolumeId": volume, "VolumeSize": 1}
    world.also(
        "ec2.DescribeSnapshots",
        "Snapshots",
        pending,
        pending | {"SnapshotId": "snap-0theirs", "OwnerId": STRANGER},
    )
    return before + 4


@seed("ebs", "L-94D7AB7D", fixed=True)
def pending_snapshots(world: World) -> Usage:
    """Of those."""
    return 1


# Auto Scaling, EKS.


@seed("autoscaling", "L-CDE20ADC", own=("autoscaling", "MaxNumberOfAutoScalingGroups"))
def groups(world: World) -> Usage:
    """As the service says; node groups of EKS have some, but not moto's."""
    client = world.client("autoscaling")
    client.create_launch_configuration(LaunchConfigurationName="small", ImageId="ami-12c6146b", InstanceType="t3.nano")
    for name, size in (("web", 2), ("batch", 0), ("idle", 0)):
        client.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName="small",
            MinSize=0,
            MaxSize=size + 4,
            DesiredCapacity=size,
            VPCZoneIdentifier=world.subnet(1),
        )
        # Each with a volume to start from.
        world.made["interfaces"] += size
        world.made["GiB of gp2"] += 8 * size
    return 3


@seed("autoscaling", "asg-max-size", limit={"web": 6, "batch": 4, "idle": 4})
def instances_in_groups(world: World) -> Usage:
    """Instances that are in service, against the group's own limit."""
    return {"web": 2, "batch": 0, "idle": 0}


@seed("eks", "L-1194D53C")
def clusters(world: World) -> Usage:
    """Registered ones are listed only where all are asked for."""
    client = world.client("eks")
    for name, groups in (("prod", ("front", "back", "wide")), ("test", ("front",)), ("dev", ())):
        config: Json = {"subnetIds": [world.subnet(0), world.subnet(1)], "securityGroupIds": [world.group(g) for g in groups]}
        config |= {"publicAccessCidrs": ["192.0.2.0/24", "198.51.100.0/24"] if name == "prod" else ["0.0.0.0/0"]}
        client.create_cluster(name=name, roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks", resourcesVpcConfig=config)
    for name in ("edge-1", "edge-2"):
        connector = {"provider": "OTHER", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/connector"}
        client.register_cluster(name=name, connectorConfig=connector)
    return 3


@seed("eks", "L-FDFA5F81")
def registered_clusters(world: World) -> Usage:
    """Only those."""
    return 2


@seed("eks", "L-6D54EA21")
def node_groups(world: World) -> Usage:
    """A cluster without any has 0."""
    for cluster, name, size in (("prod", "blue", 3), ("prod", "green", 5), ("prod", "red", 0), ("test", "blue", 1)):
        world.client("eks").create_nodegroup(
            clusterName=cluster,
            nodegroupName=name,
            scalingConfig={"minSize": 0, "maxSize": 10, "desiredSize": size},
            subnets=[world.subnet(1)],
            nodeRole=f"arn:aws:iam::{ACCOUNT}:role/nodes",
        )
    return {"prod": 3, "test": 1, "dev": 0}


@seed("eks", "L-BD136A63")
def nodes(world: World) -> Usage:
    """What node groups shall have, not what they may have at most."""
    return {
        "cluster=prod,nodegroup=blue": 3,
        "cluster=prod,nodegroup=green": 5,
        "cluster=prod,nodegroup=red": 0,
        "cluster=test,nodegroup=blue": 1,
    }


@seed("eks", "L-33415657")
def fargate_profiles(world: World) -> Usage:
    """A cluster without any has 0."""
    for cluster, name, spaces in (("prod", "jobs", 3), ("prod", "web", 1), ("prod", "dns", 1), ("test", "jobs", 2)):
        world.client("eks").create_fargate_profile(
            fargateProfileName=name,
            clusterName=cluster,
            podExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/pods",
            selectors=[{"namespace": f"space-{number}"} for number in range(spaces)],
        )
    return {"prod": 3, "test": 1, "dev": 0}


@seed("eks", "L-D78D8AF8")
def selectors(world: World) -> Usage:
    """By profile."""
    return {
        "cluster=prod,profile=jobs": 3,
        "cluster=prod,profile=web": 1,
        "cluster=prod,profile=dns": 1,
        "cluster=test,profile=jobs": 2,
    }


@seed("eks", "L-11427A54", fixed=True)
def control_plane_groups(world: World) -> Usage:
    """The groups that were given; registered clusters have no control plane here."""
    return {"prod": 3, "test": 1, "dev": 0}


@seed("eks", "L-93A74D60", fixed=True)
def public_ranges(world: World) -> Usage:
    """Of the public endpoint."""
    return {"prod": 2, "test": 1, "dev": 1}


@seed("eks", "pod-identity-associations", limit=5000)
def pod_identities(world: World) -> Usage:
    """A cluster without any has 0."""
    for cluster, number in (("prod", 3), ("test", 1)):
        for account in range(number):
            world.client("eks").create_pod_identity_association(
                clusterName=cluster,
                namespace="shop",
                serviceAccount=f"account-{account}",
                roleArn=f"arn:aws:iam::{ACCOUNT}:role/pods",
            )
    return {"prod": 3, "test": 1, "dev": 0}


# IAM.


def trust(world: World, name: str, path: str = "/", policy: Json | None = None) -> None:
    """Makes a role."""
    world.client("iam").create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(policy or ROLE, indent=4))
    world.made["roles"] += 1


@seed("iam", "L-FE177D64", own=("iam", "RolesQuota"), ceiling=10_000)
def roles(world: World) -> Usage:
    """All of them."""
    for name in ("web", "batch", "other"):
        trust(world, name)
    return lambda: world.made["roles"]


@seed("iam", "L-858F3967", ceiling=700)
def oidc_providers(world: World) -> Usage:
    """Those of SAML are others."""
    client = world.client("iam")
    for name in ("a", "b", "c"):
        client.create_open_id_connect_provider(Url=f"https://{name}.example.org", ThumbprintList=["0" * 40])
    client.create_saml_provider(Name="corporate", SAMLMetadataDocument="m" * 1024)
    return 3


@seed("iam", "L-E95E4862", own=("iam", "PoliciesQuota"))
def policies(world: World) -> Usage:
    """Own ones."""
    for number in range(3):
        made = world.client("iam").create_policy(PolicyName=f"policy-{number}", PolicyDocument=json.dumps(ALLOWED))
        world.ids[f"policy-{number}"] = made["Policy"]["Arn"]
    return 3


@seed("iam", "L-6E65F664", own=("iam", "InstanceProfilesQuota"))
def instance_profiles(world: World) -> Usage:
    """All of them."""
    for name in ("one", "two"):
        world.client("iam").create_instance_profile(InstanceProfileName=name)
    return 2


@seed("iam", "L-F55AF5E4", own=("iam", "UsersQuota"))
def users(world: World) -> Usage:
    """All of them."""
    for name in ("ann", "bob", "eve", "kim"):
        world.client("iam").create_user(UserName=name)
    return 4


@seed("iam", "L-BF35879D", own=("iam", "ServerCertificatesQuota"))
def server_certificates(world: World) -> Usage:
    """All of them."""
    for name in ("one", "two", "three", "four", "five"):
        world.client("iam").upload_server_certificate(ServerCertificateName=name, CertificateBody="body", PrivateKey="key")
    return 5


@seed("iam", "L-0DA4ABF3", own=("iam", "AttachedPoliciesPerRoleQuota"))
def policies_per_role(world: World) -> Usage:
    """Attached ones, not those that stand in the role itself; none of roles that AWS writes."""
    client = world.client("iam")
    for number in range(3):
        client.attach_role_policy(RoleName="web", PolicyArn=world.ids[f"policy-{number}"])
    client.attach_role_policy(RoleName="batch", PolicyArn=world.ids["policy-0"])
    for name in ("inline-1", "inline-2"):
        client.put_role_policy(RoleName="batch", PolicyName=name, PolicyDocument=json.dumps(ALLOWED))
    return Partly({"web": 3, "batch": 1, "other": 0, "AWSServiceRoleForShop": None})


@seed("iam", "L-C07B4B0D", own=("iam", "AssumeRolePolicySizeQuota"), ceiling=8192)
def trust_policy_length(world: World) -> Usage:
    """Without white space."""
    trust(world, "AWSServiceRoleForShop", "/aws-service-role/shop.amazonaws.com/")
    # wc -c of {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":...}]}
    return Partly({"web": 127, "other": 127, "AWSServiceRoleForShop": None})


# ECR, Route 53.


@seed("ecr", "L-CFEB8E8D")
def repositories(world: World) -> Usage:
    """All of them."""
    for name in ("web", "batch", "empty"):
        world.client("ecr").create_repository(repositoryName=name)
    return 3


@seed("ecr", "L-03A36CE1")
def images_per_repository(world: World) -> Usage:
    """Images, not tags; a repository without any has 0."""
    for repository, number in (("web", 3), ("batch", 1)):
        for image in range(number):
            manifest = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {"mediaType": "application/json", "size": image, "digest": f"sha256:{repository}{image}"},
                "layers": [],
            }
            world.client("ecr").put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=f"v{image}")
    return {"web": 3, "batch": 1, "empty": 0}


@seed("route53", "L-4EA4796A", own=("route53", "MAX_HOSTED_ZONES_BY_OWNER"))
def hosted_zones(world: World) -> Usage:
    """Public and private ones."""
    client = world.client("route53")
    for name in ("a.example", "b.example", "c.example"):
        made = client.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]
        world.ids[name] = made["Id"].removeprefix("/hostedzone/")
    return 3


@seed("route53", "L-E209CC9F")
def records(world: World) -> Usage:
    """Those that every zone has from the beginning (NS, SOA) too."""
    changes = [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {"Name": f"{n}.a.example", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]},
        }
        for n in ("one", "two", "three")
    ]
    client = world.client("route53")
    before = {zone: _records(client, world.ids[zone]) for zone in ("a.example", "b.example", "c.example")}
    client.change_resource_record_sets(HostedZoneId=world.ids["a.example"], ChangeBatch={"Changes": changes})
    before["a.example"] += 3
    return {world.ids[zone]: float(number) for zone, number in before.items()}


def _records(client: Any, zone: str) -> int:
    return len(client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"])


@seed("route53resolver", "L-4A669CC0")
def resolver_endpoints(world: World) -> Usage:
    """Both directions."""
    for name, direction in (("in", "INBOUND"), ("out", "OUTBOUND"), ("third", "OUTBOUND")):
        made = world.client("route53resolver").create_resolver_endpoint(
            CreatorRequestId=name,
            Name=name,
            SecurityGroupIds=[world.group("front")],
            Direction=direction,
            IpAddresses=[{"SubnetId": world.subnet(number)} for number in (0, 1)],
        )
        world.made["interfaces"] += 2
        world.ids[f"resolver-{name}"] = made["ResolverEndpoint"]["Id"]
    return 3


@seed("route53resolver", "L-51D8A1FB")
def resolver_rules(world: World) -> Usage:
    """Own ones, not what AWS defines or others share."""
    client = world.client("route53resolver")
    for name in ("one", "two", "three"):
        made = client.create_resolver_rule(
            CreatorRequestId=name,
            Name=name,
            RuleType="FORWARD",
            DomainName=f"{name}.example",
            TargetIps=[{"Ip": "192.0.2.53", "Port": 53}],
            ResolverEndpointId=world.ids["resolver-out"],
        )
        world.ids[f"rule-{name}"] = made["ResolverRule"]["Id"]
    world.also(
        "route53resolver.ListResolverRules",
        "ResolverRules",
        {"Id": "rslvr-autodefined-rr-internet-resolver", "OwnerId": "Route 53 Resolver", "RuleType": "RECURSIVE"},
        {"Id": "rslvr-rr-0theirs", "OwnerId": STRANGER, "RuleType": "FORWARD"},
    )
    return 3


@seed("route53resolver", "L-94E19253")
def resolver_associations(world: World) -> Usage:
    """Those that AWS defines for every VPC do not count."""
    client = world.client("route53resolver")
    for rule, vpc in (("one", "shop"), ("one", "bank"), ("two", "shop")):
        client.associate_resolver_rule(Name=rule, ResolverRuleId=world.ids[f"rule-{rule}"], VPCId=world.vpc(vpc))
    world.also(
        "route53resolver.ListResolverRuleAssociations",
        "ResolverRuleAssociations",
        {
            "Id": "rslvr-autodefined-assoc-1",
            "ResolverRuleId": "rslvr-autodefined-rr-internet-resolver",
            "VPCId": world.vpc("shop"),
        },
    )
    return 3


# Others.


@seed("secretsmanager", "L-2F66C23C")
def secrets(world: World) -> Usage:
    """Those that are about to be deleted are not listed."""
    client = world.client("secretsmanager")
    for name in ("one", "two", "three", "four"):
        client.create_secret(Name=name, SecretString="x")
    client.delete_secret(SecretId="four", RecoveryWindowInDays=30)
    return 3


@seed("lambda", "L-2ACBD22F", own=("lambda", "TotalCodeSize"), factor=1 / 2**30)
def code_storage(world: World) -> Usage:
    """In GiB, while the answer is in bytes."""
    from io import BytesIO
    from zipfile import ZipFile

    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def handler(event, context):\n    return event\n" + "#" * 50_000)
    world.client("iam").create_role(RoleName="lambda", AssumeRolePolicyDocument=json.dumps(ROLE))
    world.made["roles"] += 1
    for name in ("one", "two"):
        world.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=f"arn:aws:iam::{ACCOUNT}:role/lambda",
            Handler="main.handler",
            Code={"ZipFile": packed.getvalue()},
        )
    return 2 * len(packed.getvalue()) / 2**30


@seed("dynamodb", "L-F98FE922")
def tables(world: World) -> Usage:
    """All of them."""
    for name in ("one", "two", "three"):
        world.client("dynamodb").create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return 3


def _rds(name: str, count: int, make: Callable[[World, Any], None]) -> None:
    """A row of which RDS tells both numbers itself."""

    def seeded(world: World) -> Usage:
        make(world, world.client("rds"))
        return count

    codes = {
        "DBInstances": "L-7B6409FD",
        "AllocatedStorage": "L-7ADDB58A",
        "DBClusters": "L-952B80B8",
        "ManualSnapshots": "L-272F1212",
        "ManualClusterSnapshots": "L-9B510759",
        "DBSubnetGroups": "L-48C6BF61",
    }
    SEEDS["rds", codes[name]] = Seed(seeded, own=("rds", name))


def _subnet_groups(world: World, client: Any) -> None:
    for name in ("one", "two"):
        client.create_db_subnet_group(
            DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=[world.subnet(0), world.subnet(1)]
        )


def _instances(world: World, client: Any) -> None:
    for name, size in (("one", 20), ("two", 30), ("three", 50)):
        client.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.t3.micro",
            Engine="postgres",
            AllocatedStorage=size,
            MasterUsername="root",
            MasterUserPassword="not-a-secret",
        )


def _clusters(world: World, client: Any) -> None:
    client.create_db_cluster(
        DBClusterIdentifier="aurora", Engine="aurora-postgresql", MasterUsername="root", MasterUserPassword="not-a-secret"
    )


def _snapshots(world: World, client: Any) -> None:
    for name in ("a", "b"):
        client.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier="one")


def _cluster_snapshots(world: World, client: Any) -> None:
    for name in ("c", "d", "e"):
        client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier="aurora")


_rds("DBSubnetGroups", 2, _subnet_groups)
_rds("DBInstances", 3, _instances)
_rds("AllocatedStorage", 100, lambda world, client: None)
_rds("DBClusters", 1, _clusters)
_rds("ManualSnapshots", 2, _snapshots)
_rds("ManualClusterSnapshots", 3, _cluster_snapshots)


@seed("elasticfilesystem", "L-848C634D")
def file_systems(world: World) -> Usage:
    """All of them."""
    for number in range(3):
        made = world.client("efs").create_file_system(CreationToken=f"token-{number}")
        world.ids[f"fs-{number}"] = made["FileSystemId"]
    return 3


@seed("elasticfilesystem", "L-7391004C", fixed=True)
def mount_targets(world: World) -> Usage:
    """Of all file systems together, by VPC."""
    for system, subnet, vpc in ((0, 0, "shop"), (0, 1, "shop"), (1, 0, "shop"), (2, 0, "bank")):
        world.client("efs").create_mount_target(FileSystemId=world.ids[f"fs-{system}"], SubnetId=world.subnet(subnet, vpc))
        world.made["interfaces"] += 1
    return {world.vpc("shop"): 3, world.vpc("bank"): 1}


@seed("s3", "L-DC2B2D3D")
def buckets(world: World) -> Usage:
    """In whatever Region."""
    for name, region in (("bucket-one", REGION), ("bucket-two", REGION), ("bucket-three", "eu-central-1")):
        world.aws.client("s3", region).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    return 3


@seed("cloudformation", "L-0485CB21", own=("cloudformation", "StackLimit"))
def stacks(world: World) -> Usage:
    """Deleted ones stay listed."""
    client = world.client("cloudformation")
    template = {"Resources": {"queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}}
    for name in ("one", "two", "three", "four", "five"):
        client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    for name in ("four", "five"):
        client.delete_stack(StackName=name)
    return 3


@seed("acm", "L-F141DD1D")
def certificates(world: World) -> Usage:
    """Issued by Amazon; imported ones have a quota of their own."""
    for name in ("a", "b", "c"):
        world.client("acm").request_certificate(DomainName=f"{name}.example.org")
    world.also("acm.ListCertificates", "CertificateSummaryList", {"CertificateArn": "arn:aws:acm:::imported", "Type": "IMPORTED"})
    return 3
