"""Which accounts and regions an entry of the config is about, and through whose credentials each is asked.

https://docs.aws.amazon.com/organizations/latest/APIReference/ and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError

from quota_exporter.budget import Budget
from quota_exporter.errors import ApiError, ConfigError
from quota_exporter.model import Target
from quota_exporter.providers.aws.api import AwsApi
from quota_exporter.providers.aws.clients import Clients
from quota_exporter.providers.aws.credentials import Assumed, Credentials, Found
from quota_exporter.providers.aws.settings import Account, Members, Organization, Role
from quota_exporter.providers.aws.wire import Wire
from quota_exporter.proxies import proxy_url
from quota_exporter.source import outcome

GLOBAL = "global"

GLOBAL_REGIONS = {
    "aws": "us-east-1",
    "aws-cn": "cn-northwest-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-eusc": "eusc-de-east-1",
}
"""Where a partition keeps the limits of its global services; `global_region` in the config replaces it."""


class Member(NamedTuple):
    """An account that is polled."""

    account: str
    name: str


def opened(account: Account, budget: Budget) -> "AwsConnection":
    """Reads the profile; asks nothing yet.

    Raises:
        ConfigError: There is no such profile, or the shared files cannot be read.
    """
    try:
        proxy = proxy_url(account.proxy, f"aws {account.label}: proxy") if account.proxy else None
        clients = Clients(account.profile, proxy)
        configured = account.regions[0] if isinstance(account.regions, tuple) and account.regions else None
        region = configured or clients.session.get_config_variable("region") or GLOBAL_REGIONS["aws"]
    except BotoCoreError as error:
        raise ConfigError(f"aws {account.label}: {error}") from None
    return AwsConnection(account, clients, Wire(clients, proxy), budget, region)


@dataclass(slots=True)
class AwsConnection:
    """An entry of the config, with its clients and the credentials of each account.

    Attributes:
        region: Where is asked what is the same everywhere: the first region of the config, the environment or the profile.
    """

    account: Account
    clients: Clients
    wire: Wire
    budget: Budget
    region: str
    _root: Credentials = field(init=False)
    _members: dict[str, Credentials] = field(default_factory=dict)
    _apis: dict[Target, AwsApi] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_thread = partial(self.clients.in_thread, region="credentials", call="credentials")
        self._root = Found(self.clients.chain.load_credentials, in_thread)
        for role in self.account.assume:
            self._root = self._assumed(self._root, role)

    @property
    def credentials(self) -> object:
        """Credentials are looked up and refreshed all the time: none that changed needs another connection."""
        return None

    async def targets(self) -> Iterable[Target | ApiError]:
        """Every region of every account, and each account's global services; an error in the place of what is not known."""
        own = str((await self._asking(self._home("")).call("sts.GetCallerIdentity"))["Account"])
        self._members.setdefault(own, self._root)
        members, errors = await self._accounts(own)
        regions = await asyncio.gather(*(outcome(self._regions(member)) for member in members))
        found: list[Target | ApiError] = list(errors)
        for member, places in zip(members, regions, strict=True):
            found.append(Target("aws", member.account, GLOBAL, member.name))
            if isinstance(places, ApiError):
                found.append(places)
            else:
                found += (Target("aws", member.account, place, member.name) for place in places)
        return found

    def api(self, target: Target) -> AwsApi:
        """The api through which a target is asked; the same one every time."""
        if target not in self._apis:
            self._apis[target] = self._asking(target)
        return self._apis[target]

    async def close(self) -> None:
        """Ends what is being asked, and all connections."""
        for api in self._apis.values():
            await api.close()
        await self.wire.close()
        self.clients.close()

    def _asking(self, target: Target) -> AwsApi:
        region = target.region if target.region not in ("", GLOBAL) else self._global_region() if target.region else self.region
        keys = self._members.get(target.account, self._root)
        return AwsApi(self.clients, self.wire, keys, self.account, target, region, self.budget)

    def _home(self, account: str) -> Target:
        """Whose budget what is asked to find targets is of: an account's, or the entry's where it is not known yet."""
        return Target("aws", account or self.account.label, "")

    def _global_region(self) -> str:
        partition = self.clients.session.get_partition_for_region(self.region)
        return self.account.global_region or GLOBAL_REGIONS.get(partition, self.region)

    def _assumed(self, before: Credentials, role: Role, account: str = "") -> Assumed:
        asking = AwsApi(self.clients, self.wire, before, self.account, self._home(account), self.region, self.budget)
        return Assumed(role.role, role.external_id, partial(asking.call, "sts.AssumeRole"))

    async def _accounts(self, own: str) -> tuple[list[Member], list[ApiError]]:
        """The accounts to poll; with an error where some may be missing."""
        wanted: Members | None = self.account.organization or self.account.accounts
        if wanted is None:
            return [Member(own, await self._alias(own))], []
        errors: list[ApiError] = []
        if self.account.organization is not None:
            members = []
            try:
                async for member in self._of_organization(own, self.account.organization):
                    members.append(member)  # noqa: PERF401 - what came before a failure is kept
            except ApiError as error:
                errors.append(error)
        else:
            ids = self.account.accounts.ids if self.account.accounts else ()
            members = [Member(account, "") for account in ids]
        partition = self.clients.session.get_partition_for_region(self.region)
        for member in members:
            # The own account needs no role: it is entered already.
            if member.account not in self._members:
                role = Role(role=f"arn:{partition}:iam::{member.account}:role/{wanted.role}", external_id=wanted.external_id)
                self._members[member.account] = self._assumed(self._root, role, member.account)
        named = await asyncio.gather(*(self._alias(member.account) for member in members if not member.name))
        names = iter(named)
        return [member if member.name else member._replace(name=next(names)) for member in members], errors

    async def _of_organization(self, own: str, wanted: Organization) -> AsyncIterator[Member]:
        """The active accounts of an organization that the config selects."""
        api = self._asking(self._home(own))
        if wanted.organizational_units:
            listed = self._of_units(api, wanted.organizational_units)
        else:
            listed = _accounts_of(api, "organizations.ListAccounts")
        async for account in listed:
            selected = (not wanted.include or account["Id"] in wanted.include) and account["Id"] not in wanted.exclude
            if selected and (not wanted.tags or wanted.tags.items() <= (await self._tags(api, account["Id"])).items()):
                yield Member(account["Id"], str(account.get("Name") or ""))

    async def _of_units(self, api: AwsApi, units: Iterable[str]) -> AsyncIterator[dict[str, Any]]:
        """The accounts of organizational units, and of those within them."""
        waiting = list(units)
        seen: set[str] = set()
        while waiting:
            unit = waiting.pop()
            if unit in seen:
                continue
            seen.add(unit)
            async for account in _accounts_of(api, "organizations.ListAccountsForParent", ParentId=unit):
                yield account
            async for page in api.pages("organizations.ListOrganizationalUnitsForParent", ParentId=unit):
                waiting += [child["Id"] for child in page["OrganizationalUnits"]]

    async def _tags(self, api: AwsApi, account: str) -> dict[str, str]:
        return {
            tag["Key"]: tag["Value"]
            async for page in api.pages("organizations.ListTagsForResource", ResourceId=account)
            for tag in page["Tags"]
        }

    async def _alias(self, account: str) -> str:
        """The account in people's words; a name is worth no failure."""
        try:
            found = await self._asking(Target("aws", account, GLOBAL)).call("iam.ListAccountAliases")
        except ApiError:
            return ""
        return next(iter(found["AccountAliases"]), "")

    async def _regions(self, member: Member) -> Iterable[str]:
        """The regions of an account: those of the config, or all that are enabled."""
        if isinstance(self.account.regions, tuple):
            return self.account.regions
        if self.account.regions is None and self.clients.session.get_config_variable("region"):
            return (self.region,)
        found = await self._asking(self._home(member.account)).call("ec2.DescribeRegions", AllRegions=False)
        return sorted(region["RegionName"] for region in found["Regions"])


async def _accounts_of(api: AwsApi, call: str, **params: str) -> AsyncIterator[dict[str, Any]]:
    """Active accounts. Older answers have the state as `Status`."""
    async for page in api.pages(call, **params):
        for account in page["Accounts"]:
            if (account.get("State") or account.get("Status")) == "ACTIVE":
                yield account
