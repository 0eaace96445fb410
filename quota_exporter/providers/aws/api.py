"""How sources ask AWS: within the budget, all pages, every failure mapped to its reason."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from quota_exporter.budget import Allowance, Budget
from quota_exporter.errors import ExpiredCredentials, Malformed
from quota_exporter.model import Target
from quota_exporter.providers.aws.actions import THIN
from quota_exporter.providers.aws.answers import Repeated
from quota_exporter.providers.aws.catalog import compiled
from quota_exporter.providers.aws.resources import Shown
from quota_exporter.providers.aws.settings import Account
from quota_exporter.shared import Shared

if TYPE_CHECKING:
    # Those who only list sources have no boto3.
    from quota_exporter.providers.aws.clients import Clients
    from quota_exporter.providers.aws.credentials import Credentials
    from quota_exporter.providers.aws.wire import Wire

T = TypeVar("T")
Json = dict[str, Any]

MAX_PAGES = 10_000

DEADLINE = 300.0
"""Seconds that a call may take with its wait for a thread or a connection; once it is sent, sockets have shorter ones."""

USD_PER_METRIC = 1e-5
"""List price of a metric in GetMetricData: https://aws.amazon.com/cloudwatch/pricing/"""

QUIET = Allowance(rate=5, burst=5)
"""For what publishes no rate, or one that others live on too, as the controllers of a cluster do on that of EC2."""

ALLOWANCES = {
    # https://docs.aws.amazon.com/servicequotas/latest/userguide/reference.html; lists answer slower than published.
    "service-quotas": Allowance(rate=5, burst=5),
    "service-quotas.ListRequestedServiceQuotaChangeHistory": Allowance(rate=3, burst=5),
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
    "cloudwatch.GetMetricData": Allowance(rate=10, burst=20),
    # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html: 5 per second for the whole account.
    "route53": Allowance(rate=3, burst=3),
}
"""What we allow ourselves of an account's and region's service: half of what is published, or less."""


@dataclass(slots=True)
class AwsApi:
    """Asks one account in one region.

    Attributes:
        account: What the config says.
        target: Whose budget the calls are of.
        region: Whose endpoints are called; for the target `global` the partition's region for global services.
        shown: Which resources are shown.
        kept: What sources remember from one poll to the next, by a name of theirs.
        now: Seconds since 1970.
    """

    clients: "Clients"
    wire: "Wire"
    credentials: "Credentials"
    account: Account
    target: Target
    region: str
    budget: Budget
    now: Callable[[], float] = time.time
    shown: Shown = field(init=False)
    kept: dict[str, Any] = field(default_factory=dict)
    _shared: Shared = field(init=False)

    def __post_init__(self) -> None:
        self.shown = Shown(self.account.most_resources, self.budget.clock)
        self._shared = Shared(self.budget.clock)

    async def call(self, call: str, /, **params: Any) -> Json:
        """One answer.

        Args:
            call: boto3's name of the service and AWS's of the operation, such as `ec2.DescribeRegions`.
            params: Of the call.

        Raises:
            ApiError: It failed.
        """
        try:
            return await self._within_budget(call, params)
        except ExpiredCredentials:
            return await self._within_budget(call, params)

    async def pages(self, call: str, /, **params: Any) -> AsyncIterator[Json]:
        """All pages of a list; one answer where the operation has no pages.

        Raises:
            Repeated: The same token came twice.
            ApiError: A call failed.
        """
        paging = self.clients.paging(call)
        if paging is None:
            yield await self.call(call, **params)
            return
        inputs, outputs = (_several(paging[name]) for name in ("input_token", "output_token"))
        more = paging.get("more_results")
        seen: set[tuple[str, ...]] = set()
        for _ in range(MAX_PAGES):
            page = await self.call(call, **params)
            yield page
            tokens = [compiled(output).search(page) for output in outputs]
            if more and not compiled(more).search(page):
                return
            if not any(tokens):
                if more:
                    raise Malformed("there is more, but no token to ask for it", operation=call)
                return
            if (key := tuple(map(str, tokens))) in seen:
                raise Repeated("the same token came twice", operation=call)
            seen.add(key)
            params |= {name: token for name, token in zip(inputs, tokens, strict=True) if token}
        raise Malformed(f"more than {MAX_PAGES} pages", operation=call)

    async def cached(self, question: Hashable, ask: Callable[[], Awaitable[T]], every: float) -> T:
        """What several sources need, asked once in so many seconds."""
        return await self._shared.cached(question, ask, every)

    async def close(self) -> None:
        """Ends what is being asked for several at once."""
        await self._shared.close()

    async def _within_budget(self, call: str, params: Json) -> Json:
        service = call.partition(".")[0]
        operation = call if call in ALLOWANCES else service
        allowance = ALLOWANCES.get(operation, QUIET)
        if (rate := self.account.calls_per_second) is not None:
            allowance = Allowance(rate, max(1.0, 2 * rate))
        bucket = self.budget.bucket(self.target, service, operation.partition(".")[2] or "read", allowance)
        cost = USD_PER_METRIC * len(params["MetricDataQueries"]) if call == "cloudwatch.GetMetricData" else 0.0
        return await self.budget.call(bucket, partial(self._once, call, params), cost=cost, deadline=DEADLINE)

    async def _once(self, call: str, params: Json) -> Json:
        keys = await self.credentials.keys()
        send = self.wire.call if call in THIN else self.clients.call
        try:
            return await send(call, self.region, keys, params)
        except ExpiredCredentials:
            self.credentials.drop(keys)
            raise


def _several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value
