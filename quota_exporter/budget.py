"""The calls we allow ourselves: every call to a provider passes here.

A bucket per provider API, account, region and class of operation starts at the published rate, is halved at once when
the provider throttles and recovers in small steps (additive increase, multiplicative decrease). Each attempt takes a
token, has a deadline, and is repeated with exponential back-off and full jitter; a Retry-After is honoured.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from quota_exporter.errors import ApiError, Throttled, TimedOut
from quota_exporter.families import API_CALLS, API_CALLS_THROTTLED, API_COST, BUDGET_AVAILABLE
from quota_exporter.model import Operation, Reading, Target

T = TypeVar("T")

RECOVERY = 1 / 300
"""Share of the published rate that a lowered bucket wins back per second."""

FLOOR = 1 / 64
"""The smallest share of the published rate a bucket is ever lowered to."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """A published rate.

    Attributes:
        rate: Calls per second.
        burst: Calls that may be made at once after a pause.
    """

    rate: float
    burst: float


@dataclass(slots=True)
class Bucket:
    """A token bucket that learns from being throttled (a virtual-scheduling leaky bucket: callers get slots in turn)."""

    target: Target
    operation: Operation
    allowance: Allowance
    calls: int = 0
    throttled: int = 0
    cost: float = 0.0
    _share: float = 1.0
    _lowered_at: float = -1e9
    _free_at: float = -1e9
    _blocked_until: float = -1e9

    def share(self, now: float) -> float:
        """The part of the published rate that is allowed now, 0 to 1."""
        return min(1.0, self._share + (now - self._lowered_at) * RECOVERY)

    def available(self, now: float) -> float:
        """Tokens left, as a part of the published burst, 0 to 1."""
        if now < self._blocked_until:
            return 0.0
        share = self.share(now)
        used = max(0.0, self._free_at - now) * self.allowance.rate * share
        return max(0.0, share - used / self.allowance.burst)

    def take(self, now: float) -> float:
        """Takes the next slot; returns the seconds until it comes."""
        share = self.share(now)
        interval = 1 / (self.allowance.rate * share)
        tolerance = interval * max(1.0, self.allowance.burst * share)
        self._free_at = max(self._free_at, now) + interval
        return max(0.0, self._free_at - tolerance - now)

    def give_back(self, now: float) -> None:
        """Gives back a slot that was taken and not used."""
        self._free_at -= 1 / (self.allowance.rate * self.share(now))

    def blocked(self, now: float) -> float:
        """Seconds for which the provider does not want to be asked at all."""
        return max(0.0, self._blocked_until - now)

    def lower(self, now: float, retry_after: float | None) -> None:
        """Halves the rate, once per second at most: calls in flight together are throttled together."""
        self.throttled += 1
        self._blocked_until = max(self._blocked_until, now + (retry_after or 0.0))
        if now - self._lowered_at >= 1:
            self._share = max(FLOOR, self.share(now) / 2)
            self._lowered_at = now


@dataclass(slots=True)
class Budget:
    """All buckets, and the one way to make a call.

    Attributes:
        attempts: How often a call is tried at most.
        deadline: Seconds that one attempt may take.
        patience: The longest Retry-After, in seconds, that is waited for; a longer one ends the call.
    """

    attempts: int = 3
    deadline: float = 30.0
    patience: float = 20.0
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    _buckets: dict[tuple[str, str], dict[tuple[Target, Operation], Bucket]] = field(default_factory=lambda: defaultdict(dict))

    def bucket(self, target: Target, service_code: str, operation: str, allowance: Allowance) -> Bucket:
        """The bucket of an API of a target for a class of operations; made on first use, at the published rate."""
        of_account = self._buckets[target.provider, target.account]
        key = (target, Operation(service_code, operation))
        if key not in of_account:
            of_account[key] = Bucket(*key, allowance)
        # The allowance of an API may have been configured anew.
        of_account[key].allowance = allowance
        return of_account[key]

    async def call(
        self, bucket: Bucket, attempt: Callable[[], Awaitable[T]], *, cost: float = 0.0, deadline: float | None = None
    ) -> T:
        """Makes a call within the budget.

        Args:
            bucket: Whose tokens it takes.
            attempt: Makes it once.
            cost: US dollars that an attempt is billed at.
            deadline: Seconds that an attempt may take; the budget's own where not given.

        Raises:
            ApiError: The last attempt's error, when all failed or the error is none that passes by itself.
        """
        for tried in range(1, self.attempts + 1):
            try:
                return await self._attempt(bucket, attempt, cost, deadline or self.deadline)
            except ApiError as error:
                wait = max(error.retry_after or 0.0, self.jitter() * min(20.0, 0.5 * 2**tried))
                if not error.retryable or tried == self.attempts or wait > self.patience:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("attempts must be at least 1")

    async def _attempt(self, bucket: Bucket, attempt: Callable[[], Awaitable[T]], cost: float, deadline: float) -> T:
        operation = bucket.operation.operation
        if (blocked := bucket.blocked(self.clock())) > self.patience:
            raise Throttled(f"not to be asked for another {blocked:.0f} s", operation=operation, retry_after=blocked)
        await self._turn(bucket)
        bucket.calls += 1
        bucket.cost += cost
        try:
            async with asyncio.timeout(deadline):
                return await attempt()
        except TimeoutError:
            raise TimedOut(f"no whole answer within {deadline:g} s", operation=operation) from None
        except Throttled as error:
            bucket.lower(self.clock(), error.retry_after)
            raise

    async def _turn(self, bucket: Bucket) -> None:
        """Waits for a slot, and for the end of a pause that the provider wants."""
        wait = bucket.take(self.clock())
        try:
            while wait > 0 or (wait := bucket.blocked(self.clock())) > 0:
                await asyncio.sleep(wait)
                wait = 0.0
        except asyncio.CancelledError:
            bucket.give_back(self.clock())
            raise

    def readings(self, provider: str, account: str) -> Iterator[Reading]:
        """What we asked of an account so far, and how much of each bucket is left now."""
        now = self.clock()
        sums: dict[str, list[float]] = {}
        for bucket in self._buckets.get((provider, account), {}).values():
            yield Reading(bucket.target, bucket.operation, BUDGET_AVAILABLE, bucket.available(now))
            service = sums.setdefault(bucket.operation.service_code, [0.0, 0.0, 0.0])
            for index, count in enumerate((bucket.calls, bucket.throttled, bucket.cost)):
                service[index] += count
        target = Target(provider, account, "")
        for service_code, (calls, throttled, cost) in sums.items():
            subject = Operation(service_code, "")
            yield Reading(target, subject, API_CALLS, calls)
            yield Reading(target, subject, API_CALLS_THROTTLED, throttled)
            if cost:
                yield Reading(target, subject, API_COST, cost)
