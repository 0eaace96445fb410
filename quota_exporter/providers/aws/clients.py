"""How calls leave the process: boto3 in a few threads, and the two calls that are made most often without it.

boto3 blocks, and takes the interpreter for 1.5 ms per page and 40 ms per 500 metrics. So it runs in few threads, of which
a hanging endpoint gets few; and `ListServiceQuotas` and `GetMetricData` are only resolved and signed by botocore.
Clients are shared by all accounts, because making one costs milliseconds and megabytes: keys are given per call.
"""

import asyncio
import gc
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError, UnknownServiceError
from botocore.parsers import ResponseParserError

from quota_exporter import __version__
from quota_exporter.errors import Malformed
from quota_exporter.providers.aws.answers import exception

T = TypeVar("T")

THREADS = 8
THREADS_PER_REGION = 4
THREADS_PER_ENDPOINT = 2
CLIENTS = 300
CONNECT_TIMEOUT = 3
READ_TIMEOUT = 10


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    """The threads of the whole process."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="boto3")


class _Keys(Credentials):  # type: ignore[misc]
    """Credentials of whoever is being called for in this thread."""

    def __init__(self) -> None:
        super().__init__("", "")
        self.here = threading.local()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Is asked by botocore when it signs."""
        keys: ReadOnlyCredentials = self.here.keys
        return keys


class _KeysPerCall(CredentialProvider):  # type: ignore[misc]
    """Puts `_Keys` in the place of the credential chain."""

    METHOD = "per-call"

    def __init__(self, keys: _Keys) -> None:
        super().__init__()
        self._keys = keys

    def load(self) -> _Keys:
        """The same for every client."""
        return self._keys


class Clients:
    """boto3's clients for a profile.

    Attributes:
        session: botocore's session.
        chain: The credential chain of the environment or the profile.
    """

    def __init__(self, profile: str | None, proxy: str | None) -> None:
        """Opens nothing yet.

        Args:
            profile: Of the shared config; None for the default one.
            proxy: URL; None for what the environment says.

        Raises:
            ProfileNotFound: There is no such profile.
        """
        self.session = botocore.session.Session(profile=profile)
        self.chain: CredentialResolver = self.session.get_component("credential_provider")
        self._keys = _Keys()
        self.session.register_component("credential_provider", CredentialResolver([_KeysPerCall(self._keys)]))
        self._boto3 = boto3.Session(botocore_session=self.session, region_name="us-east-1")
        # Deadlines, repetitions and pace are the budget's.
        self._config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=THREADS,
            retries={"total_max_attempts": 1, "mode": "standard"},
            user_agent_extra=f"quota-exporter/{__version__}",
            proxies={"https": proxy, "http": proxy} if proxy else None,
        )
        self._clients: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._regions = _turns(THREADS_PER_REGION)
        self._endpoints = _turns(THREADS_PER_ENDPOINT)

    def client(self, service: str, region: str) -> Any:
        """The client of a service in a region, for whichever account; made when it is first needed. Blocks for some ms."""
        with self._lock:
            client = self._clients.pop((service, region), None)
            if client is None:
                client = self._boto3.client(service, region_name=region, config=self._config)
                # The models behind it are hundreds of thousands of objects that stay: to look through them again and again
                # for garbage stops everything for up to a second.
                gc.freeze()
            self._clients[service, region] = client
            if len(self._clients) > CLIENTS:
                # Not closed: a call may still be under way. It goes when that ends.
                self._clients.popitem(last=False)
            return client

    async def in_thread(self, work: Callable[[], T], region: str, call: str) -> T:
        """Does something that blocks.

        A thread is busy until the work ends, even where nobody waits for it any more; so are its turns.

        Args:
            work: What is done.
            region: Whose endpoint is called: a hanging one gets a few threads, and never all.
            call: Such as `ec2.DescribeSubnets`.

        Raises:
            ApiError: What botocore raised, as what it means.
        """
        endpoint, place = self._endpoints[f"{call.partition('.')[0]} {region}"], self._regions[region]
        await endpoint.acquire()
        try:
            await place.acquire()
        except asyncio.CancelledError:
            endpoint.release()
            raise

        def ended(done: asyncio.Future[T]) -> None:
            place.release()
            endpoint.release()
            # Those who waited may be gone.
            _ = done.cancelled() or done.exception()

        future = asyncio.get_running_loop().run_in_executor(_threads(), work)
        future.add_done_callback(ended)
        try:
            return await asyncio.shield(future)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise exception(call, error) from None

    async def call(self, call: str, region: str, keys: ReadOnlyCredentials, params: dict[str, Any]) -> dict[str, Any]:
        """Makes a call once.

        Raises:
            ApiError: It failed.
        """
        service, _, operation = call.partition(".")

        def work() -> dict[str, Any]:
            self._keys.here.keys = keys
            answer: dict[str, Any] = getattr(self.client(service, region), xform_name(operation))(**params)
            return answer

        answer = await self.in_thread(work, region, call)
        if answer.keys() <= {"ResponseMetadata"}:
            # So botocore gives what it cannot read: a page of a proxy, or half an answer. Counted, it would be nothing.
            raise Malformed("an answer with nothing in it", operation=call)
        return answer

    def close(self) -> None:
        """Ends the connections that are not in use."""
        for client in self._clients.values():
            client.close()

    def paging(self, call: str) -> dict[str, Any] | None:
        """How an operation hands out pages, as botocore's model has it; None where it has no pages."""
        service, _, operation = call.partition(".")
        try:
            model = self.session.get_component("data_loader").load_service_model(service, "paginators-1")
        except UnknownServiceError:
            return None
        found: dict[str, Any] | None = model["pagination"].get(operation)
        return found


def _turns(most: int) -> defaultdict[str, asyncio.Semaphore]:
    return defaultdict(lambda: asyncio.Semaphore(most))
