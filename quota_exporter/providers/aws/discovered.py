"""Source `discovered`: quotas that the catalogue does not have, as Service Quotas lists them."""

from fnmatch import fnmatchcase
from typing import Any

from quota_exporter.errors import ApiError
from quota_exporter.families import OMITTED_QUOTAS
from quota_exporter.model import Operation, Reading, Target
from quota_exporter.providers.aws.actions import action
from quota_exporter.providers.aws.api import USD_PER_METRIC, AwsApi
from quota_exporter.providers.aws.catalog import LIMIT_CALLS, Row, codes
from quota_exporter.providers.aws.limits import Limit, limits
from quota_exporter.providers.aws.metrics import DATA, LIST
from quota_exporter.providers.aws.service import of_rows
from quota_exporter.providers.aws.settings import Account, Discover
from quota_exporter.source import Answer, Effort, Source, outcome

NAME = "discovered"
EVERY = 1800.0


async def discovered(api: AwsApi, target: Target) -> Answer:
    """`quota_limit{quota_code="L-…",service_code="sagemaker",…} 4.0`"""
    wanted = api.account.discover
    if wanted is None:
        return []
    answer: list[Reading | ApiError] = []
    rows: list[Row] = []
    for service in wanted.services:
        found = await outcome(limits(api, service))
        if isinstance(found, ApiError):
            answer.append(found)
            continue
        selected = [row for code, limit in sorted(found.items()) if (row := _row(api.account, target, service, code, limit))]
        rows += selected[: wanted.most]
        if omitted := len(selected) - wanted.most:
            answer += [Reading(target, Operation(service, ""), OMITTED_QUOTAS, omitted)] if omitted > 0 else []
    return [*answer, *await of_rows(api, target, rows, api.account.every(NAME, EVERY))]


def _row(account: Account, target: Target, service: str, code: str, limit: Limit) -> Row | None:
    """A quota as if it were in the catalogue; None where it is there already, or not wanted here."""
    known = codes(service) | {row.quota for row in account.catalog if row.service == service}
    here = limit.is_global is (target.region == "global")
    if code in known or not here or not _matches(account.discover, code, limit.name):
        return None
    kind: Any = "rate" if limit.period else "allocation"
    return Row(
        service=service,
        quota=code,
        name=limit.name or code,
        unit="requests" if limit.period else "units",
        kind=kind,
        usage="metric",
    )


def _matches(wanted: Discover | None, code: str, name: str) -> bool:
    patterns = wanted.quotas if wanted else ()
    return not patterns or any(fnmatchcase(code, pattern) or fnmatchcase(name, pattern) for pattern in patterns)


def _effort(account: Account) -> Effort:
    services = len(account.discover.services) if account.discover else 0
    most = account.discover.most * services if account.discover else 0
    return Effort(services + 2, most * USD_PER_METRIC)


SOURCE: Source[AwsApi] = Source(
    name=NAME,
    ask=discovered,
    every=EVERY,
    exports="quotas that the catalogue does not have, as `discover` in the configuration selects them",
    permissions=(*map(action, LIMIT_CALLS), action(DATA), action(LIST)),
    applies=lambda account, target: account.discover is not None,
    effort=_effort,
)
