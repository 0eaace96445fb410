"""What is read of providers: targets, quotas, readings. Frozen records without behaviour beyond their own text."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from quota_exporter.families import Family

Kind = Literal["allocation", "rate", "concurrent", "share"]
"""What is limited: things that exist, requests per time, things at once, or a guaranteed part that borrowing may exceed."""

Adjustable = Literal["true", "false", "unknown"]
TellsLimit = Literal["", "provider", "documented", "configured"]


@dataclass(frozen=True, slots=True)
class Target:
    """Whom one can ask: an account of a provider in a region.

    Attributes:
        provider: `aws`, `gcp`, `azure`, `kubernetes` or `http`.
        account: AWS account id, GCP project id, Azure subscription id, cluster name, endpoint name.
        region: The provider's word for the place, or `global`; empty only where a series is not about a place.
        account_name: The account in people's words; no part of the identity.
    """

    provider: str
    account: str
    region: str = "global"
    account_name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return "/".join(part for part in (self.provider, self.account_name or self.account, self.region) if part)


@dataclass(frozen=True, slots=True)
class Quota:
    """Something limited, with its facts; the same for all targets.

    Attributes:
        service_code: The provider's own code of the service.
        quota_code: The provider's own stable id of the quota within the service.
        name: The quota in words.
        unit: Unit of usage, limit and ceiling; names the period of a rate, such as `requests/s`.
        usage_source: How usage is read; empty where this source does not read it.
        limit_source: Who tells the limit; empty where nobody does.
    """

    service_code: str
    quota_code: str
    name: str
    unit: str
    kind: Kind
    adjustable: Adjustable = "unknown"
    usage_source: str = ""
    limit_source: TellsLimit = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """What requests to a provider's API are counted by.

    Attributes:
        service_code: The provider's own code of the service.
        operation: The provider's name of the operation, or a priority level of kube-apiserver.
        reason: Why requests were refused; empty where all requests are counted.
    """

    service_code: str
    operation: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class IncreaseRequest:
    """The newest request for a higher limit of a quota.

    Attributes:
        service_code: The provider's own code of the service.
        quota_code: The provider's own stable id of the quota within the service.
        status: `pending`, `approved`, `denied` or `closed`; empty where the reading is not about it.
    """

    service_code: str
    quota_code: str
    status: str = ""


Subject = Quota | Operation | IncreaseRequest
"""What a number may be about."""


class Reading(NamedTuple):
    """One number that a provider told us, or its documentation, or the operator.

    Attributes:
        measure: What of the quota was read: one of `families.READ`.
        value: In the quota's unit; always finite.
        resource: Only where the quota is per resource (the provider's own bare id) or split further (`dimensions`).
        since: Only of counters: which counter's state `value` is, such as a process by its start time. The exported
            counter adds up the increases of all of them.
    """

    target: Target
    quota: Subject
    measure: Family
    value: float
    resource: str = ""
    since: tuple[str, float] | None = None


class JobId(NamedTuple):
    """Which job: a source, by its name, and whom it asks."""

    source: str
    target: Target


def dimensions(**values: str) -> str:
    """The `resource` of a quota that is split by dimensions: `key=value,…`, sorted by key, empty values left out."""
    return ",".join(f"{key}={value}" for key, value in sorted(values.items()) if value)
