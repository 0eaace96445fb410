"""The IAM policies that the settings need, and nothing more.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from quota_exporter.model import Target
from quota_exporter.providers.aws.actions import DISCOVERY
from quota_exporter.providers.aws.catalog import actions, shipped
from quota_exporter.providers.aws.service import CUSTOM
from quota_exporter.providers.aws.settings import Account, Members
from quota_exporter.providers.aws.sources import SOURCES
from quota_exporter.source import Source

Policy = dict[str, Any]
"""A policy document, ready to be written as JSON."""

ASSUME = "sts:AssumeRole"
ROLE = "quota-exporter"
"""Name of the role in the shipped policies."""

ON_BEHALF = (
    "autoscaling:DescribeAccountLimits",
    "cloudformation:DescribeAccountLimits",
    "cloudwatch:GetMetricData",
    "dynamodb:DescribeLimits",
    "elasticloadbalancing:DescribeAccountLimits",
    "iam:GetAccountSummary",
    "kinesis:DescribeLimits",
    "rds:DescribeAccountAttributes",
    "route53:GetAccountLimit",
)
"""What Service Quotas asks other services with the rights of who asks it.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ServiceQuotasReadOnlyAccess.html
"""


def _by_unit(account: Account) -> bool:
    """Whether only some organizational units are gone through."""
    return bool(account.organization and account.organization.organizational_units)


DISCOVERY_NEEDS: dict[str, Callable[[Account], bool]] = {
    # Without regions in the config they are asked for, unless the environment has one.
    "ec2:DescribeRegions": lambda account: not isinstance(account.regions, tuple),
    # An organization names its accounts itself.
    "iam:ListAccountAliases": lambda account: account.organization is None,
    "organizations:ListAccounts": lambda account: account.organization is not None and not _by_unit(account),
    "organizations:ListAccountsForParent": _by_unit,
    "organizations:ListOrganizationalUnitsForParent": _by_unit,
    "organizations:ListTagsForResource": lambda account: bool(account.organization and account.organization.tags),
}
"""With which settings discovery needs each of `DISCOVERY`; entering accounts stands apart, as it names the roles."""

PARTITIONS = (
    ("cn-", "aws-cn"),
    ("eusc-", "aws-eusc"),
    ("us-gov-", "aws-us-gov"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("us-iso-", "aws-iso"),
)
"""How regions outside of `aws` begin."""


def polled(accounts: Iterable[Account]) -> Policy:
    """What must be allowed in every account that is polled."""
    needed = {action for account in accounts for action in _polling(account)}
    return _document(
        _statement("QuotaExporter", needed),
        _statement("ServiceQuotasOnBehalfOfTheCaller", ON_BEHALF),
    )


def managing(accounts: Iterable[Account]) -> Policy:
    """What the credentials need that find accounts and enter them through roles; no statement where there is no need.

    Accounts that are polled with these credentials themselves need `polled` as well.
    """
    entered = list(accounts)
    listing = {action for account in entered for action in _finding(account) if _of_organization(action)}
    roles = {role for account in entered for role in _roles(account)}
    statements = (_statement("FindAccounts", listing), _statement("EnterAccounts", {ASSUME}, roles))
    return _document(*(statement for statement, needed in zip(statements, (listing, roles), strict=True) if needed))


def managing_any() -> Policy:
    """The same for any settings of `organization` whose role has the usual name."""
    listing = set(filter(_of_organization, map(plain, DISCOVERY)))
    roles = {f"arn:aws:iam::*:role/{ROLE}"}
    return _document(_statement("FindAccounts", listing), _statement("EnterAccounts", {ASSUME}, roles))


def plain(permission: str) -> str:
    """A permission without the words that say when it is needed."""
    return permission.partition(" (")[0]


def _of_organization(action: str) -> bool:
    """Whether an action is allowed where the organization is managed, and not in each account."""
    return action.startswith("organizations:")


def _finding(account: Account) -> Iterator[str]:
    return (action for action, needs in DISCOVERY_NEEDS.items() if needs(account))


def _polling(account: Account) -> Iterator[str]:
    for source in SOURCES:
        if any(source.polls(account, Target("aws", "", region)) for region in ("", "global")):
            yield from _of_source(source, account)
    yield from (action for action in _finding(account) if not _of_organization(action))


def _of_source(source: Source[Any], account: Account) -> Iterable[str]:
    """What a source needs with these settings: rows that the config replaces are not asked."""
    if source is CUSTOM:
        return actions(account.catalog)
    of_catalog = {name: rows for name, _, rows in shipped().by_source()}
    if source.name in of_catalog:
        rows = account.rows(of_catalog[source.name])
        return actions(rows) if rows else ()
    return map(plain, source.permissions)


def _roles(account: Account) -> Iterator[str]:
    """ARNs of the roles that are assumed."""
    yield from (role.role for role in account.assume)
    members: Members | None = account.organization or account.accounts
    if members is not None:
        for number in account.accounts.ids if account.accounts else ("*",):
            yield f"arn:{_partition(account)}:iam::{number}:role/{members.role}"


def _partition(account: Account) -> str:
    """The part of AWS that has its own accounts; as the regions of the config say."""
    regions = account.regions if isinstance(account.regions, tuple) else ()
    region = next(iter(regions), account.global_region or "")
    return next((partition for start, partition in PARTITIONS if region.startswith(start)), "aws")


def _statement(sid: str, needed: Iterable[str], resources: Iterable[str] = ("*",)) -> dict[str, Any]:
    found = sorted(resources)
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(needed), "Resource": found[0] if len(found) == 1 else found}


def _document(*statements: dict[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}
