"""Service Quotas of every service: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Required, TypedDict, Unpack

from quota_exporter.demo.aws.calls import Asked, Json
from quota_exporter.demo.aws.utilization import Reports
from quota_exporter.demo.aws.wire import Failure

Clock = Callable[[], float]

OPEN = ("PENDING", "CASE_OPENED")
"""States of requests on which nobody has decided."""


class Facts(TypedDict, total=False):
    """What is set of a quota.

    Attributes:
        value: The applied value.
        default: AWS's own; the applied one where it is not given.
        adjustable: Whether it can be raised; it can unless it is said.
        usage_metric: `UsageMetric`: MetricNamespace, MetricName, MetricDimensions, MetricStatisticRecommendation.
        period: PeriodValue and PeriodUnit of a rate.
        error_reason: An ErrorCode; then there is no applied value.
        context: `QuotaContext` of a quota of a resource.
        unit: Free text.
        global_quota: Whether it counts for all Regions together.
        only_default: Whether only the list of defaults has it.
    """

    value: Required[float]
    default: float | None
    adjustable: bool
    usage_metric: Json | None
    period: tuple[int, str] | None
    error_reason: str | None
    context: Json | None
    unit: str
    global_quota: bool
    only_default: bool


@dataclass(frozen=True)
class Held:
    """A quota that was set, for the accounts and Regions that its patterns (`*` or one) name.

    Attributes:
        applied: As `ServiceQuota`, but for its ARN.
        default: AWS's own value.
        only_default: Whether only the list of defaults has it.
    """

    account: str
    region: str
    applied: Json
    default: float
    only_default: bool

    def fits(self, account: str, region: str) -> bool:
        """Whether it is meant."""
        return self.account in ("*", account) and self.region in ("*", region)

    @property
    def level(self) -> str:
        """ACCOUNT or RESOURCE."""
        return str(self.applied["QuotaAppliedAtLevel"])


class Quotas:
    """What the service quotas of all accounts are.

    Attributes:
        reports: Utilization reports.
        requests: Requests for increases: account, Region, `RequestedServiceQuotaChange`.
        names: Names of services by code; a service that is not in it is called as its code.
        auto_management: What GetAutoManagementConfiguration answers, by account.
    """

    def __init__(self, clock: Clock):
        self.reports = Reports(clock, self.found)
        self.requests: list[tuple[str, str, Json]] = []
        self.names: dict[str, str] = {}
        self.auto_management: dict[str, Json] = {}
        self._clock = clock
        self._held: dict[str, dict[tuple[str, ...], Held]] = {}

    def set(self, account: str, region: str, service: str, code: str, name: str, **facts: Unpack[Facts]) -> None:
        """Sets a quota, in the place of the one that was set for the same.

        Args:
            account: Number of an account, or `*`; one that is named goes before `*`.
            region: A Region, or `*`.
            service: Code of the service.
            code: Code of the quota: `L-F678F1CE`.
            name: Its name.
            facts: All else; a value there must be.
        """
        named: Json = {
            "ServiceCode": service,
            "ServiceName": self.names.get(service, service),
            "QuotaCode": code,
            "QuotaName": name,
        }
        default = facts.get("default")
        held = Held(
            account,
            region,
            named | _applied(facts),
            float(facts["value"] if default is None else default),
            facts.get("only_default", False),
        )
        key = (account, region, code, str((facts.get("context") or {}).get("ContextId", "")))
        self._held.setdefault(service, {})[key] = held

    def request(self, account: str, region: str, service: str, code: str, desired: float, **fields: object) -> Json:
        """Adds a request for an increase as somebody made it; `fields` as in `RequestedServiceQuotaChange`."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        held = next((held for held in self.found(account, region, service) if held.applied["QuotaCode"] == code), None)
        change: Json = {
            "Id": uuid.uuid4().hex,
            "ServiceCode": service,
            "ServiceName": self.names.get(service, service),
            "QuotaCode": code,
            "QuotaName": held.applied["QuotaName"] if held else code,
            "DesiredValue": float(desired),
            "Status": "PENDING",
            "Created": now,
            "LastUpdated": now,
            "Requester": f'{{"accountId":"{account}","callerArn":"arn:aws:iam::{account}:user/ada"}}',
            "QuotaArn": f"arn:aws:servicequotas:{region}:{account}:{service}/{code}",
            "GlobalQuota": bool(held and held.applied["GlobalQuota"]),
            "Unit": held.applied["Unit"] if held else "None",
            "QuotaRequestedAtLevel": "ACCOUNT",
        } | fields
        self.requests.append((account, region, change))
        return change

    def found(self, account: str, region: str, service: str | None = None) -> Iterator[Held]:
        """The quotas of an account in a Region, of one service or all, by service and code."""
        for name in sorted(self._held) if service is None else [service]:
            fitting = [held for held in self._held.get(name, {}).values() if held.fits(account, region)]
            # The better it fits the later it comes, and so stays.
            fitting.sort(key=lambda held: (held.account != "*", held.region != "*"))
            kept = {(held.applied["QuotaCode"], str(held.applied.get("QuotaContext"))): held for held in fitting}
            yield from (kept[key] for key in sorted(kept))

    def operations(self) -> dict[tuple[str, str], Callable[[Asked], Json]]:
        """What is answered, by client and operation."""
        answers = {
            "ListServices": self._services,
            "ListServiceQuotas": self._listed,
            "ListAWSDefaultServiceQuotas": self._defaults,
            "GetServiceQuota": self._one,
            "GetAWSDefaultServiceQuota": self._one_default,
            "ListRequestedServiceQuotaChangeHistory": self._history,
            "ListRequestedServiceQuotaChangeHistoryByQuota": self._history,
            "RequestServiceQuotaIncrease": self._increase,
            "GetAutoManagementConfiguration": self._auto_management,
            "StartQuotaUtilizationReport": self.reports.start,
            "GetQuotaUtilizationReport": self.reports.read,
        }
        return {("service-quotas", operation): answer for operation, answer in answers.items()}

    def _services(self, asked: Asked) -> Json:
        codes = {held.applied["ServiceCode"] for held in self.found(asked.call.account, asked.call.region)}
        return {"Services": [{"ServiceCode": code, "ServiceName": self.names.get(code, code)} for code in sorted(codes)]}

    def _of_service(self, asked: Asked) -> list[Held]:
        """Failure where the service has no quotas there."""
        code = asked.params["ServiceCode"]
        held = list(self.found(asked.call.account, asked.call.region, code))
        if not held:
            raise Failure("NoSuchResourceException", f"The request failed because service code '{code}' does not exist.")
        return held

    def _listed(self, asked: Asked) -> Json:
        level, code = asked.params.get("QuotaAppliedAtLevel", "ACCOUNT"), asked.params.get("QuotaCode")
        held = [held for held in self._of_service(asked) if not held.only_default and level in ("ALL", held.level)]
        return {"Quotas": [_shown(one, asked) for one in held if code in (None, one.applied["QuotaCode"])]}

    def _defaults(self, asked: Asked) -> Json:
        by_code = {held.applied["QuotaCode"]: _as_default(held, asked) for held in self._of_service(asked)}
        return {"Quotas": list(by_code.values())}

    def _one(self, asked: Asked) -> Json:
        return {"Quota": _shown(self._found_one(asked), asked)}

    def _one_default(self, asked: Asked) -> Json:
        return {"Quota": _as_default(self._found_one(asked), asked)}

    def _found_one(self, asked: Asked) -> Held:
        code, context = asked.params["QuotaCode"], asked.params.get("ContextId")
        default = asked.call.operation == "GetAWSDefaultServiceQuota"
        for held in self._of_service(asked):
            fits = held.applied.get("QuotaContext", {}).get("ContextId") == context or (
                context is None and held.level == "ACCOUNT"
            )
            if held.applied["QuotaCode"] == code and (default or (fits and not held.only_default)):
                return held
        raise Failure("NoSuchResourceException", f"The request failed because the specified quota '{code}' does not exist.")

    def _history(self, asked: Asked) -> Json:
        level = asked.params.get("QuotaRequestedAtLevel", "ACCOUNT")
        found = [
            change
            for account, region, change in self.requests
            if (account, region) == (asked.call.account, asked.call.region)
            and level in ("ALL", change["QuotaRequestedAtLevel"])
            and all(asked.params.get(name, change[name]) == change[name] for name in ("ServiceCode", "QuotaCode", "Status"))
        ]
        return {"RequestedQuotas": sorted(found, key=lambda change: str(change["Created"]), reverse=True)}

    def _increase(self, asked: Asked) -> Json:
        """Makes a request: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestServiceQuotaIncrease.html."""
        held, account, region = self._found_one(asked), asked.call.account, asked.call.region
        service, code, desired = asked.params["ServiceCode"], asked.params["QuotaCode"], asked.params["DesiredValue"]
        for owner, where, change in self.requests:
            same = (owner, where, change["ServiceCode"], change["QuotaCode"]) == (account, region, service, code)
            if same and change["Status"] in OPEN:
                raise Failure(
                    "ResourceAlreadyExistsException",
                    f"Only one open service quota increase request is allowed per quota: {code}.",
                )
        if not held.applied["Adjustable"]:
            raise Failure("IllegalArgumentException", f"Quota {code} is not adjustable.")
        if desired <= held.applied.get("Value", held.default):
            raise Failure("IllegalArgumentException", "The desired value must be greater than the current quota value.")
        context = {"QuotaRequestedAtLevel": held.level}
        if "QuotaContext" in held.applied:
            context["QuotaContext"] = held.applied["QuotaContext"]
        return {"RequestedQuota": self.request(account, region, service, code, desired, **context)}

    def _auto_management(self, asked: Asked) -> Json:
        return self.auto_management.get(asked.call.account, {"OptInLevel": "ACCOUNT", "OptInStatus": "DISABLED"})


def _applied(facts: Facts) -> Json:
    """The members of `ServiceQuota` that the facts say."""
    context, period = facts.get("context"), facts.get("period")
    applied: Json = {
        "Value": float(facts["value"]),
        "Unit": facts.get("unit", "None"),
        "Adjustable": facts.get("adjustable", True),
        "GlobalQuota": facts.get("global_quota", False),
        "QuotaAppliedAtLevel": "RESOURCE" if (context or {}).get("ContextScope") == "RESOURCE" else "ACCOUNT",
    }
    if (metric := facts.get("usage_metric")) is not None:
        applied["UsageMetric"] = {"MetricStatisticRecommendation": "Maximum"} | metric
    if period is not None:
        applied["Period"] = {"PeriodValue": period[0], "PeriodUnit": period[1]}
    if context is not None:
        applied["QuotaContext"] = context
    if (reason := facts.get("error_reason")) is not None:
        applied["ErrorReason"] = {"ErrorCode": reason, "ErrorMessage": "The quota's service did not answer."}
        del applied["Value"]
    return applied


def _shown(held: Held, asked: Asked) -> Json:
    """The quota with the ARN that it has where it is asked for."""
    service, code = held.applied["ServiceCode"], held.applied["QuotaCode"]
    return held.applied | {"QuotaArn": f"arn:aws:servicequotas:{asked.call.region}:{asked.call.account}:{service}/{code}"}


def _as_default(held: Held, asked: Asked) -> Json:
    """How the list of defaults shows it: without what concerns a single resource, and never with an error."""
    left_out = ("ErrorReason", "QuotaContext")
    shown = {name: value for name, value in _shown(held, asked).items() if name not in left_out} | {"Value": held.default}
    # AWS's own defaults belong to no account.
    return shown | {"QuotaArn": shown["QuotaArn"].replace(f":{asked.call.account}:", "::")}
