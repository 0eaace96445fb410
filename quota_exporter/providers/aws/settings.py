"""What the config says of AWS accounts."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from quota_exporter.providers.aws.catalog import Row, codes
from quota_exporter.settings import Entry, Section

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:[\w-]+:iam::\d{12}:role/.+$")]
RoleName = Annotated[str, StringConstraints(pattern=r"^[\w+=,.@/-]+$")]
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
ALL = "all"


def _region(value: object) -> str:
    if not REGION.fullmatch(str(value)):
        raise ValueError("no region; write it like eu-west-1")
    return str(value)


def _regions(value: object) -> tuple[str, ...] | str:
    regions = tuple(value) if isinstance(value, list | tuple) else ()
    if value != ALL and not (regions and all(REGION.fullmatch(str(region)) for region in regions)):
        raise ValueError("must be `all`, or a list of regions such as [eu-west-1, us-east-1]")
    return regions or ALL


Region = Annotated[str, BeforeValidator(_region, json_schema_input_type=str)]
Regions = Annotated[tuple[str, ...] | str, BeforeValidator(_regions, json_schema_input_type=tuple[str, ...] | str)]


class Role(Section):
    """A role that is assumed with the credentials before it."""

    role: RoleArn = Field(description="ARN of the role.")
    external_id: str | None = Field(None, description="What the role's trust policy wants to be told.")


class Members(Section):
    """Accounts beside the one whose credentials are used, each entered through a role of the same name."""

    role: RoleName = Field(description="Name of the role, with its path, that is assumed in each account.")
    external_id: str | None = Field(None, description="What the role's trust policy wants to be told.")


class Listed(Members):
    """Accounts by their ids."""

    ids: tuple[AccountId, ...] = Field(min_length=1, description="Ids of the accounts.")


class Organization(Members):
    """The active accounts of the organization, or some of them."""

    organizational_units: tuple[str, ...] = Field(
        (), description="Only accounts in these organizational units, or in units within them."
    )
    tags: dict[str, str] = Field(default_factory=dict, description="Only accounts with all of these tags.")
    include: tuple[AccountId, ...] = Field((), description="Only these accounts.")
    exclude: tuple[AccountId, ...] = Field((), description="Not these accounts.")


class Discover(Section):
    """Quotas that are not in the catalogue, as Service Quotas lists them."""

    services: tuple[str, ...] = Field(min_length=1, description="Service Quotas' codes of the services, such as `sagemaker`.")
    quotas: tuple[str, ...] = Field((), description="Only quotas whose code or name matches one of these patterns, as `*GPU*`.")
    most: int = Field(200, gt=0, description="The most quotas of a service that are exported; the rest is counted.")


class Account(Entry):
    """An AWS account, or many: those of an organization or of a list."""

    profile: str | None = Field(None, description="Profile of the shared config; the default credential chain if not given.")
    assume: tuple[Role, ...] = Field((), description="Roles to assume, one with the credentials of the other.")
    accounts: Listed | None = Field(None, description="Accounts to poll in the place of the credentials' own.")
    organization: Organization | None = Field(None, description="Accounts of the organization, found again and again.")
    regions: Regions | None = Field(
        None, description="Regions to poll; `all` for those that are enabled; that of the environment or profile if not given."
    )
    global_region: Region | None = Field(
        None, description="Where global services are asked for their limits; the partition's own if not given."
    )
    most_resources: int = Field(
        10, gt=0, description="Of a quota per resource, how many resources are shown, the fullest first; all at 70 % or more are."
    )
    polled_clusters: tuple[str, ...] = Field(
        (), description="Names of EKS clusters whose apiservers are polled directly: not told a second time from CloudWatch."
    )
    catalog: tuple[Row, ...] = Field((), description="Quotas of your own, in the form of catalog.yaml, whose rows they replace.")
    discover: Discover | None = Field(None, description="Quotas that are not in the catalogue.")

    @property
    def label(self) -> str:
        """The name, else whose credentials they are."""
        return self.name or self.profile or "default"

    def known(self, service: str) -> frozenset[str] | None:
        """The codes of a service's quotas that are in the catalogue; None where those that are not are wanted too."""
        if self.discover is not None and service in self.discover.services:
            return None
        return codes(service) | {row.quota for row in self.catalog if row.service == service}

    def rows(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """Those of some shipped rows that no row of the config replaces."""
        replaced = {(row.service, row.quota) for row in self.catalog}
        return tuple(row for row in rows if (row.service, row.quota) not in replaced) if replaced else rows

    @model_validator(mode="after")
    def _one_way_to_accounts(self) -> "Account":
        if self.accounts and self.organization:
            raise ValueError("has both `accounts` and `organization`; make two entries of it")
        return self

    @model_validator(mode="after")
    def _each_quota_once(self) -> "Account":
        seen: set[Any] = set()
        for row in self.catalog:
            if (row.service, row.quota) in seen:
                raise ValueError(f"`catalog` has {row.service} {row.quota} twice")
            seen.add((row.service, row.quota))
        return self
