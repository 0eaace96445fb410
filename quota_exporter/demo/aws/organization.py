"""An organization with accounts, and the roles that one assumes in them.

Trust: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from moto.iam.models import iam_backends
from moto.organizations.models import organizations_backends

from quota_exporter.demo.aws.calls import Asked, Json
from quota_exporter.demo.aws.faults import denial, principal

ROLE = "quota-exporter"


@dataclass(frozen=True)
class Member:
    """An account of the organization.

    Attributes:
        number: Of the account; made up where empty.
        unit: Name of its organizational unit, several with slashes: `workloads/prod`; the root where empty.
        tags: Its tags.
        suspended: Whether it was closed.
        role: Name of the role to assume; empty: there is none.
    """

    number: str = ""
    unit: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    role: str = ROLE


class Seeds(Protocol):
    """Who gives clients for seeding."""

    def client(self, service: str, region: str, account: str) -> Any:
        """A boto3 client in an account."""


@dataclass
class Organization:
    """What was made.

    Attributes:
        accounts: Numbers of the accounts by name, without the managing one.
        units: Ids of organizational units by path.
        root: Id of the root.
    """

    accounts: dict[str, str]
    units: dict[str, str]
    root: str


def found_organization(seeds: Seeds, manager: str, members: Mapping[str, Member], external_id: str = "") -> Organization:
    """Makes an organization by calling moto.

    Args:
        seeds: Gives clients.
        manager: The managing account.
        members: Other accounts by name.
        external_id: What the roles want to be told by who assumes them; empty: nothing.
    """
    client = seeds.client("organizations", "us-east-1", manager)
    client.create_organization(FeatureSet="ALL")
    made = Organization({}, {"": client.list_roots()["Roots"][0]["Id"]}, "")
    made.root = made.units[""]
    for name, member in members.items():
        tags = [{"Key": key, "Value": value} for key, value in member.tags.items()]
        created = client.create_account(AccountName=name, Email=f"{name}@example.org", Tags=tags)
        number = _renumber(manager, created["CreateAccountStatus"]["AccountId"], member.number)
        made.accounts[name] = number
        if member.unit:
            unit = _unit(client, made, member.unit)
            client.move_account(AccountId=number, SourceParentId=made.root, DestinationParentId=unit)
        if member.role:
            trust = trust_policy(f"arn:aws:iam::{manager}:root", external_id)
            seeds.client("iam", "us-east-1", number).create_role(RoleName=member.role, AssumeRolePolicyDocument=json.dumps(trust))
        if member.suspended:
            client.close_account(AccountId=number)
    return made


def trust_policy(who: str, external_id: str = "") -> Json:
    """Trust in a principal, on the condition that it says the external id where there is one."""
    statement: Json = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"}
    if external_id:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def operations() -> dict[tuple[str, str], Callable[[Asked], None]]:
    """What is checked before moto answers."""
    return {("sts", "AssumeRole"): _may_assume}


def _may_assume(asked: Asked) -> None:
    """Failure where the role is not there, or does not trust who asks; both look the same from outside."""
    arn = str(asked.params["RoleArn"])
    number = arn.split(":")[4]
    # moto makes an account's state when it is asked for; a stranger must not make any.
    role = (
        None
        if number not in iam_backends
        else next((r for r in iam_backends[number]["aws"].roles.values() if r.arn == arn), None)
    )
    closed = any(
        account.id == number and account.status == "SUSPENDED"
        for regions in list(organizations_backends.values())
        for backend in list(regions.values())
        for account in backend.accounts
    )
    if (
        role is None
        or closed
        or not any(_trusts(statement, asked) for statement in _statements(role.assume_role_policy_document))
    ):
        raise denial(asked, arn)


def _statements(document: str) -> list[Json]:
    found = json.loads(document)["Statement"]
    return found if isinstance(found, list) else [found]


def _trusts(statement: Json, asked: Asked) -> bool:
    trusted = statement.get("Principal", {})
    who = trusted if isinstance(trusted, str) else trusted.get("AWS", [])
    wanted = statement.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId")
    allows = statement["Effect"] == "Allow" and "sts:AssumeRole" in statement["Action"]
    return (
        allows
        and any(_is(name, asked) for name in ([who] if isinstance(who, str) else who))
        and wanted
        in (
            None,
            asked.params.get("ExternalId"),
        )
    )


def _is(name: str, asked: Asked) -> bool:
    """Whether a principal of a policy is who calls."""
    account, caller = asked.call.account, principal(asked.call)
    role = caller.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rpartition("/")[0]
    return name in ("*", account, f"arn:aws:iam::{account}:root", caller, role)


def _renumber(manager: str, number: str, wanted: str) -> str:
    """Gives an account the number that is wanted: moto makes up its own."""
    if not wanted:
        return number
    organizations_backends[manager]["aws"].get_account_by_id(number).id = wanted
    organizations_backends.master_accounts[wanted] = organizations_backends.master_accounts.pop(number)
    return wanted


def _unit(client: Any, made: Organization, path: str) -> str:
    """Id of an organizational unit, which is made with those above it."""
    if path not in made.units:
        parent, _, name = path.rpartition("/")
        unit = client.create_organizational_unit(ParentId=_unit(client, made, parent), Name=name)
        made.units[path] = unit["OrganizationalUnit"]["Id"]
    return made.units[path]
