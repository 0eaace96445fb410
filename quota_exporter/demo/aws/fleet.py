"""A small fleet to look at: an organization of three accounts in two regions, each close to other limits."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from quota_exporter.demo.aws.organization import Member
from quota_exporter.demo.aws.server import KEY, SECRET, Aws

REGIONS = ("eu-west-1", "us-east-1")
HOURS = 24


class Shop(NamedTuple):
    """An account of the demo, and how much it has of everything.

    Attributes:
        number: Of the account.
        vcpus: vCPUs that run on demand, of 256.
        networks: VPCs beside the default one, of 5.
        rules: Inbound rules of its largest security group, of 60.
        addresses: Elastic IPs, of 5.
    """

    number: str
    vcpus: float
    networks: int
    rules: int
    addresses: int


FLEET = {
    "shop": Shop("111111111111", 210, 3, 55, 4),
    "data": Shop("222222222222", 90, 1, 12, 1),
    "sandbox": Shop("333333333333", 12, 0, 3, 5),
}

LIMITS = {
    ("vpc", "L-F678F1CE", "VPCs per Region"): 5,
    ("vpc", "L-407747CB", "Subnets per VPC"): 200,
    ("vpc", "L-0EA8095F", "Inbound or outbound rules per security group"): 60,
    ("vpc", "L-2AFB9258", "Security groups per network interface"): 5,
    ("vpc", "L-E79EC296", "VPC security groups per Region"): 2500,
    ("vpc", "L-93826ACB", "Routes per route table"): 50,
    ("vpc", "L-83CA0A9D", "IPv4 CIDR blocks per VPC"): 5,
    ("vpc", "L-A4707A72", "Internet gateways per Region"): 5,
    ("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs"): 5,
    ("ebs", "L-7A658B76", "Storage for General Purpose SSD (gp3) volumes, in TiB"): 50,
    ("eks", "L-1194D53C", "Clusters"): 100,
    ("s3", "L-DC2B2D3D", "General purpose buckets"): 10_000,
}

METRICS = {
    ("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 256, "EC2", "Standard/OnDemand"),
    ("fargate", "L-3032A538", "Fargate On-Demand vCPU resource count", 140, "Fargate", "Standard/OnDemand"),
}


def seed(aws: Aws) -> None:
    """Fills a demo that runs."""
    aws.organization({name: Member(shop.number, unit="workloads") for name, shop in FLEET.items()})
    for (service, code, name), limit in LIMITS.items():
        aws.set_quota("*", "*", service, code, name, value=limit)
    for service, code, name, limit, dimension, kind in METRICS:
        dimensions = {"Service": dimension, "Type": "Resource", "Resource": "vCPU", "Class": kind}
        metric = {
            "MetricNamespace": "AWS/Usage",
            "MetricName": "ResourceCount",
            "MetricDimensions": dimensions,
            "MetricStatisticRecommendation": "Maximum",
        }
        aws.set_quota("*", "*", service, code, name, value=limit, usage_metric=metric)
        for shop in FLEET.values():
            for region in REGIONS:
                points = list(_wandering(aws.now(), shop.vcpus * limit / 256))
                aws.put_metric(shop.number, region, "AWS/Usage", "ResourceCount", dimensions, points=points)
    for shop in FLEET.values():
        _network(aws, shop)
    aws.quotas.request(FLEET["shop"].number, REGIONS[0], "ec2", "L-1216C47A", 512)


def _wandering(now: float, middle: float) -> Iterator[tuple[float, float]]:
    """A point per minute, for hours to come too."""
    start = now // 60 * 60
    for minute in range(-60, HOURS * 60):
        yield start + 60 * minute, round(middle * (1 + 0.15 * math.sin(minute / 15)))


def _network(aws: Aws, shop: Shop) -> None:
    """What is counted of an account, in its first region."""
    client = aws.client("ec2", REGIONS[0], shop.number)
    for number in range(shop.networks):
        vpc = client.create_vpc(CidrBlock=f"10.{number}.0.0/24")["Vpc"]["VpcId"]
        client.create_subnet(VpcId=vpc, CidrBlock=f"10.{number}.0.0/26")
    for _ in range(shop.addresses):
        client.allocate_address(Domain="vpc")
    group = client.create_security_group(GroupName="web", Description="The demo's largest")["GroupId"]
    ranges = [{"CidrIp": f"192.0.2.{number}/32"} for number in range(shop.rules)]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}
    client.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def profile(aws: Aws, folder: Path) -> dict[str, str]:
    """Writes a shared config with the profile `demo`; returns the environment that lets boto3 find it."""
    path = folder / "aws-config"
    path.touch(mode=0o600)
    keys = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    path.write_text(f"[profile demo]\nregion = {REGIONS[0]}\nendpoint_url = {aws.url}\n{keys}")
    return {"AWS_CONFIG_FILE": str(path), "AWS_SHARED_CREDENTIALS_FILE": str(path), "AWS_ENDPOINT_URL": aws.url}


def entry() -> dict[str, object]:
    """The demo's entry of the config, polled often, so that something moves."""
    often = {name: {"interval": "60s"} for name in ("ec2", "fargate", "vpc", "subnets")}
    return {
        "name": "demo",
        "profile": "demo",
        "organization": {"role": "quota-exporter", "exclude": ["123456789012"]},
        "regions": list(REGIONS),
        "calls_per_second": 50,
        "sources": often,
    }
