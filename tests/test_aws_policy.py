"""The IAM policies: that they allow what is called, nothing else, and nothing that writes."""

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from quota_exporter.cli.main import main
from quota_exporter.demo.aws.organization import Member
from quota_exporter.demo.aws.server import ACCOUNT, Aws
from quota_exporter.providers.aws import AWS
from quota_exporter.providers.aws.actions import DISCOVERY
from quota_exporter.providers.aws.policy import ASSUME, DISCOVERY_NEEDS, ON_BEHALF, Policy, plain
from tests.aws_polled import exporter_of

SHIPPED = Path(__file__).parent.parent / "deploy" / "aws"
MOST_OF_A_POLICY = 6144
"""Characters of a managed policy, white space not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

READS = re.compile(r"[a-z0-9-]+:(BatchGet|Describe|Get|List)[A-Z][A-Za-z]+")
EVERYTHING: dict[str, Any] = {
    "sources": {source.name: {"enabled": True} for source in AWS.sources},
    "discover": {"services": ["sagemaker"]},
}
QUEUES: dict[str, Any] = {
    "service": "sqs",
    "quota": "queues",
    "name": "Queues",
    "unit": "queues",
    "limit": 1000,
    "adjustable": True,
}
QUEUES |= {"usage": {"call": "sqs.ListQueues", "count": "QueueUrls[]"}}
CLUSTERS: dict[str, Any] = {"service": "ecs", "quota": "clusters", "name": "Clusters", "unit": "clusters"}
CLUSTERS |= {"usage": {"call": "ecs.ListClusters", "count": "clusterArns[]"}, "limit": 10000}
ROLE = {"role": "quota-exporter"}


class Printer:
    """Runs the command.

    Attributes:
        folder: Where configurations are written.
    """

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        self.folder = folder
        self._capsys = capsys

    def run(self, *words: str, aws: list[dict[str, Any]] | None = None) -> tuple[int, str, str]:
        """Exit code, standard output and standard error; with entries for AWS where given."""
        flags = []
        if aws is not None:
            config = self.folder / "config.yaml"
            config.write_text(yaml.safe_dump({"aws": aws, "kubernetes": [{"name": "prod"}]}))
            flags = [f"--config.file={config}"]
        return main(["policy", "aws", *flags, *words]), *self._capsys.readouterr()

    def policy(self, *words: str, aws: list[dict[str, Any]] | None = None) -> Policy:
        """The policy that is printed."""
        code, out, err = self.run(*words, aws=aws)
        assert (code, err) == (0, "")
        found: Policy = json.loads(out)
        return found

    def actions(self, *words: str, aws: list[dict[str, Any]] | None = None) -> set[str]:
        """Its actions, those on behalf of the caller left out."""
        return {
            action
            for statement in self.policy(*words, aws=aws)["Statement"]
            if statement["Sid"] != "ServiceQuotasOnBehalfOfTheCaller"
            for action in statement["Action"]
        }


@pytest.fixture
def printer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Printer]:
    """Runs the command in this process; log lines go on as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Printer(tmp_path, capsys)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(("name", "words"), [("policy.json", []), ("management-policy.json", ["--management"])])
def test_shipped_policies(name: str, words: list[str], printer: Printer) -> None:
    """The files under deploy/aws are what the command prints; `BLESS=1` writes them anew."""
    _, out, _ = printer.run(*words)

    if os.environ.get("BLESS"):
        (SHIPPED / name).write_text(out)
    assert (SHIPPED / name).read_text() == out


@pytest.mark.parametrize("entry", [{}, EVERYTHING], ids=["default", "everything"])
def test_form(entry: dict[str, Any], printer: Printer) -> None:
    """Sorted, each action once, on all resources, and small enough for one managed policy."""
    policy = printer.policy(aws=[entry])

    own, on_behalf = policy["Statement"]
    assert policy["Version"] == "2012-10-17"
    assert own["Action"] == sorted(set(own["Action"]))
    assert on_behalf["Action"] == sorted(ON_BEHALF)
    assert {(s["Effect"], s["Resource"]) for s in policy["Statement"]} == {("Allow", "*")}
    assert len(json.dumps(policy, separators=(",", ":"))) <= MOST_OF_A_POLICY


def test_nothing_writes(printer: Printer) -> None:
    """Only reading verbs; but for entering accounts, and for starting the report of Service Quotas where it is switched on."""
    default, everything, management = printer.actions(), printer.actions(aws=[EVERYTHING]), printer.actions("--management")

    writing = [{action for action in actions if not READS.fullmatch(action)} for actions in (default, everything, management)]
    assert writing == [set(), {"servicequotas:StartQuotaUtilizationReport"}, {ASSUME}]
    assert [action for action in ON_BEHALF if not READS.fullmatch(action)] == []


def test_discovery_is_decided() -> None:
    """Of each permission that discovery may need it is decided with which settings it does."""
    assert {*DISCOVERY_NEEDS, ASSUME} == set(map(plain, DISCOVERY))


@pytest.mark.parametrize(
    ("entry", "more", "fewer"),
    [
        ({}, set(), set()),
        ({"regions": ["eu-west-1"]}, set(), {"ec2:DescribeRegions"}),
        ({"regions": "all"}, set(), set()),
        ({"organization": ROLE}, set(), {"iam:ListAccountAliases"}),
        ({"accounts": ROLE | {"ids": ["111111111111"]}}, set(), set()),
        ({"sources": {"role_policies": {"enabled": True}}}, {"iam:ListAttachedRolePolicies"}, set()),
        ({"sources": {"own_rates": {"enabled": True}}}, set(), set()),
        (
            {"sources": {"utilization_report": {"enabled": True}}},
            {"servicequotas:GetQuotaUtilizationReport", "servicequotas:StartQuotaUtilizationReport"},
            set(),
        ),
        ({"sources": {"s3": {"enabled": False}}}, set(), {"s3:ListAllMyBuckets"}),
        ({"sources": {"increase_requests": {"enabled": False}}}, set(), {"servicequotas:ListRequestedServiceQuotaChangeHistory"}),
        ({"catalog": [QUEUES]}, {"sqs:ListQueues"}, set()),
        ({"catalog": [CLUSTERS | {"region": "global"}]}, {"ecs:ListClusters"}, set()),
        ({"catalog": [QUEUES], "sources": {"custom": {"enabled": False}}}, set(), set()),
        # A row of the config in the place of the only one that lists buckets.
        (
            {"catalog": [QUEUES | {"service": "s3", "quota": "L-DC2B2D3D", "region": "global"}]},
            {"sqs:ListQueues"},
            {"s3:ListAllMyBuckets"},
        ),
        ({"discover": {"services": ["sagemaker"]}}, set(), set()),
        (
            {
                "discover": {"services": ["sagemaker"]},
                "sources": {s.name: {"enabled": s.name == "discovered"} for s in AWS.sources},
            },
            set(),
            None,
        ),
    ],
)
def test_settings(entry: dict[str, Any], more: set[str], fewer: set[str] | None, printer: Printer) -> None:
    """What settings add to what is needed by default, and what they take away."""
    default, found = printer.actions(), printer.actions(aws=[entry])

    assert found - default == more
    if fewer is None:
        assert found == {
            "cloudwatch:GetMetricData",
            "cloudwatch:ListMetrics",
            "ec2:DescribeRegions",
            "iam:ListAccountAliases",
            "servicequotas:ListAWSDefaultServiceQuotas",
            "servicequotas:ListServiceQuotas",
        }
    else:
        assert default - found == fewer


def test_several_entries(printer: Printer) -> None:
    """What any of them needs."""
    entries: list[dict[str, Any]] = [
        {"name": "one", "catalog": [QUEUES]},
        {"name": "two", "sources": {"ecr_images": {"enabled": True}}},
    ]

    assert printer.actions(aws=entries) - printer.actions() == {"sqs:ListQueues", "ecr:DescribeImages"}


UNITS = {"organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"}


@pytest.mark.parametrize(
    ("entry", "listing", "roles"),
    [
        ({"organization": ROLE}, {"organizations:ListAccounts"}, "arn:aws:iam::*:role/quota-exporter"),
        ({"organization": ROLE | {"organizational_units": ["ou-1"]}}, UNITS, "arn:aws:iam::*:role/quota-exporter"),
        (
            {"organization": {"role": "a/b", "tags": {"env": "prod"}}, "regions": ["cn-north-1"]},
            {"organizations:ListAccounts", "organizations:ListTagsForResource"},
            "arn:aws-cn:iam::*:role/a/b",
        ),
        (
            {"accounts": ROLE | {"ids": ["222222222222", "111111111111"]}, "global_region": "us-gov-west-1"},
            set(),
            ["arn:aws-us-gov:iam::111111111111:role/quota-exporter", "arn:aws-us-gov:iam::222222222222:role/quota-exporter"],
        ),
        ({"assume": [{"role": "arn:aws:iam::111111111111:role/x"}]}, set(), "arn:aws:iam::111111111111:role/x"),
    ],
)
def test_management(entry: dict[str, Any], listing: set[str], roles: str | list[str], printer: Printer) -> None:
    """Finding accounts, and entering exactly the roles that the configuration names."""
    statements = printer.policy("--management", aws=[entry])["Statement"]

    enter = {"Sid": "EnterAccounts", "Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": roles}
    find = {"Sid": "FindAccounts", "Effect": "Allow", "Action": sorted(listing), "Resource": "*"}
    assert statements == ([find] if listing else []) + [enter]


def test_nothing_to_manage(printer: Printer) -> None:
    """Where no role is assumed there is no such policy: told in a line, and 1."""
    code, out, err = printer.run("--management", aws=[{}])

    assert (code, out) == (1, "")
    assert err.endswith("config.yaml: enters no account through a role; there may be `organization`, `accounts` or `assume`\n")


def test_no_account(printer: Printer) -> None:
    """A configuration without AWS is told to be one."""
    code, out, err = printer.run(aws=[])

    assert (code, out) == (1, "")
    assert err.endswith("config.yaml: polls no account of AWS; there may be `aws`\n")


async def test_what_is_called_is_allowed(printer: Printer, tmp_path: Path) -> None:
    """Every call that the exporter makes is in the policies: in each account, and where the organization is managed."""
    member = "111111111111"
    organization = ROLE | {"tags": {"env": "prod"}}
    entry: dict[str, Any] = EVERYTHING | {
        "regions": "all",
        "organization": organization,
        "catalog": [CLUSTERS | {"region": "global"}],
    }
    polled, management = printer.actions(aws=[entry]), printer.actions("--management", aws=[entry])

    with Aws() as aws:
        aws.organization({"prod": Member(member, tags={"env": "prod"})})
        eks = aws.client("eks", "eu-west-1", member)
        eks.create_cluster(name="prod", roleArn=f"arn:aws:iam::{member}:role/x", resourcesVpcConfig={"subnetIds": ["subnet-1"]})
        async with exporter_of(aws, tmp_path, **entry | {"regions": ["eu-west-1"]}) as exporter:
            await exporter.poller.once()
        called = {number: {call.action for call in aws.calls if call.account == number} for number in (ACCOUNT, member)}

    # Anybody may ask who they are: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    assert called[ACCOUNT] - {"sts:GetCallerIdentity"} == management
    assert called[member] - polled == set()
    assert len(called[member]) > 40
