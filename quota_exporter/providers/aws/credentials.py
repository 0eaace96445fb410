"""With whose credentials AWS is called: those that are found, or those of roles assumed with them.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.credentials import ReadOnlyCredentials

from quota_exporter.errors import ExpiredCredentials

BEFORE_EXPIRY = 300.0
"""Seconds before their end at which credentials of a role are exchanged for new ones."""

SESSION_NAME = "quota-exporter"


class Credentials(Protocol):
    """Gives keys, fresh ones when the old ones end."""

    async def keys(self) -> ReadOnlyCredentials:
        """Keys that are good now. Raises ApiError."""

    def drop(self, keys: ReadOnlyCredentials) -> None:
        """Takes it that these keys are not accepted any more."""


@dataclass(slots=True)
class Found:
    """What the default chain or a profile has: environment, shared files, SSO, web identity, Pod Identity, instance role.

    Attributes:
        load: Finds them; None where there are none. Blocks.
        in_thread: Runs something that blocks.
    """

    load: Callable[[], Any]
    in_thread: Callable[[Callable[[], ReadOnlyCredentials]], Awaitable[ReadOnlyCredentials]]
    _found: Any = field(default=None, repr=False)

    async def keys(self) -> ReadOnlyCredentials:
        """Refreshes by itself, as botocore's credentials do."""
        return await self.in_thread(self._frozen)

    def drop(self, keys: ReadOnlyCredentials) -> None:
        """Looks again, in case that others are found now."""
        self._found = None

    def _frozen(self) -> ReadOnlyCredentials:
        if self._found is None:
            self._found = self.load()
        if self._found is None:
            raise ExpiredCredentials(
                "no credentials: neither environment, shared files, web identity nor an instance role has any",
                operation="credentials",
            )
        frozen: ReadOnlyCredentials = self._found.get_frozen_credentials()
        return frozen


@dataclass(slots=True)
class Assumed:
    """Those of a role.

    Attributes:
        role: ARN of the role.
        external_id: What its trust policy wants to be told; None if nothing.
        assume: Calls AssumeRole with parameters, and with the credentials before.
        clock: Seconds since 1970.
    """

    role: str
    external_id: str | None
    assume: Callable[..., Awaitable[dict[str, Any]]]
    clock: Callable[[], float] = time.time
    _keys: ReadOnlyCredentials | None = field(default=None, repr=False)
    _until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def keys(self) -> ReadOnlyCredentials:
        """Assumes the role when its keys are about to end."""
        async with self._lock:
            if self._keys is None or self.clock() > self._until - BEFORE_EXPIRY:
                external = {} if self.external_id is None else {"ExternalId": self.external_id}
                answer = await self.assume(RoleArn=self.role, RoleSessionName=SESSION_NAME, **external)
                told = answer["Credentials"]
                self._keys = ReadOnlyCredentials(told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"])
                self._until = told["Expiration"].timestamp()
            return self._keys

    def drop(self, keys: ReadOnlyCredentials) -> None:
        """Assumes it again next time, unless that was done meanwhile."""
        if keys == self._keys:
            self._keys = None
