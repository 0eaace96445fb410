"""How a cluster is called: plain HTTPS to kube-apiserver, within the budget, every failure mapped to its reason."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp

from quota_exporter import __version__
from quota_exporter.budget import Allowance, Budget
from quota_exporter.errors import ApiError, Malformed, TimedOut
from quota_exporter.model import Target
from quota_exporter.providers.kubernetes.answers import Expired, Json, NotAccepted, expect, failure, no_answer
from quota_exporter.providers.kubernetes.auth import Credentials
from quota_exporter.providers.kubernetes.settings import Cluster
from quota_exporter.providers.kubernetes.text import Filter, Page
from quota_exporter.proxies import environment_proxy
from quota_exporter.shared import Shared

T = TypeVar("T")

CLIENT_GO = Allowance(rate=5, burst=10)
"""kube-apiserver publishes no rate per client; this is what client-go keeps to by default."""

MAX_JSON = 32 << 20
MAX_PAGES = 10_000
SHARED = 10.0
"""Seconds for which a list that two sources need is as good as new: they are polled together at first, and never much older."""

PATIENCE = 45.0
"""Seconds that a page of metrics may take, repetitions included; a poll of all replicas has a minute."""

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
ENDPOINTS = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"


@dataclass(slots=True)
class Client:
    """A session to a cluster, and the credentials that are in use.

    Attributes:
        credentials: How to reach and to be accepted by the cluster.
    """

    credentials: Credentials
    _session: aiohttp.ClientSession | None = None
    _tls: ssl.SSLContext | None = None
    _certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)

    def session(self) -> aiohttp.ClientSession:
        """The session; opened on first use, because that needs a running loop."""
        if self._session is None:
            # Deadlines are the budget's. Cookies of a proxy's login page are of no use. Proxies are looked up by us:
            # `trust_env` would also send what a .netrc has for the host.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=8, keepalive_timeout=75),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                headers={"User-Agent": f"quota-exporter/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def tls(self, certificate: tuple[bytes, bytes] | None) -> ssl.SSLContext:
        """Trust, and the client certificate; made anew when that is another, as an exec plug-in may give."""
        if self._tls is None or certificate != self._certificate:
            self._tls, self._certificate = self.credentials.tls(certificate), certificate
        return self._tls

    async def close(self) -> None:
        """Ends all connections."""
        if self._session is not None:
            await self._session.close()


@dataclass(slots=True)
class KubernetesApi:
    """Asks one cluster.

    Attributes:
        cluster: What the config says of it.
        target: Whose budget the calls are of.
    """

    client: Client
    cluster: Cluster
    target: Target
    budget: Budget
    clock: Callable[[], float] = time.time
    _shared: Shared = field(init=False)

    def __post_init__(self) -> None:
        self._shared = Shared(self.budget.clock)

    async def get(self, path: str, permission: str) -> Json:
        """One object.

        Args:
            path: Of the API, such as `/api/v1/namespaces/kube-system`.
            permission: Named when it is missing, such as `get namespaces`.
        """
        return await self._json(path, {}, permission)

    async def pages(self, path: str, permission: str, limit: int, table: bool = False, **params: str) -> AsyncIterator[Json]:
        """A list, page by page; as a Table without objects where `table` is set.

        Never sends `resourceVersion=0`, with which the limit would be ignored and everything come at once.
        """
        query = {"limit": str(limit), **params} | ({"includeObject": "None"} if table else {})
        seen = set()
        for _ in range(MAX_PAGES):
            try:
                page = await self._json(path, query, permission, TABLE if table else "application/json")
            except Expired as error:
                token = error.token
                if not token:
                    raise
            else:
                # Go writes an empty list as null where nobody took care.
                yield page | {name: page[name] or [] for name in ("items", "rows") if name in page}
                token = page["metadata"].get("continue")
                if not token:
                    return
            if token in seen:
                raise Malformed("the same continue token came twice", operation=f"GET {path}")
            seen.add(token)
            query["continue"] = token
        raise Malformed(f"more than {MAX_PAGES} pages", operation=f"GET {path}")

    async def metrics(self, wanted: frozenset[str]) -> list[Page | ApiError]:
        """The wanted lines of `/metrics` of each replica that is configured, or of the one address.

        Raises:
            ApiError: None could be read.
        """
        pages = await asyncio.gather(*(self._page(url, replica, wanted) for url, replica in await self._replicas()))
        if len(pages) == 1 and isinstance(pages[0], ApiError):
            raise pages[0]
        return pages

    async def _page(self, url: str, replica: str, wanted: frozenset[str]) -> Page | ApiError:
        """The page of one server, or why it could not be read; in time, so that what the others told is not lost."""
        try:
            async with asyncio.timeout(PATIENCE):
                # Each replica has a bucket: one that wants to be left alone says nothing for the others.
                return await self._call(partial(self._metrics, url, replica, wanted), f"metrics {replica}".rstrip())
        except TimeoutError:
            return TimedOut(f"no whole page within {PATIENCE:g} s", operation=_metrics_of(replica))
        except ApiError as error:
            return error

    async def cached(self, question: Callable[["KubernetesApi"], Awaitable[T]], every: float) -> T:
        """What several sources need, asked once in so many seconds."""
        return await self._shared.cached(question, partial(question, self), every)

    async def close(self) -> None:
        """Ends what is being asked for several at once."""
        await self._shared.close()

    async def _replicas(self) -> list[tuple[str, str]]:
        """URL and name of each server to read."""
        server = self.client.credentials.server
        if self.cluster.replicas is None:
            return [(server, "")]
        if isinstance(self.cluster.replicas, tuple):
            return [(url.rstrip("/"), urlsplit(url).netloc) for url in self.cluster.replicas]
        found = await self.get(ENDPOINTS, "get endpointslices.discovery.k8s.io")
        ports = [port["port"] for port in found.get("ports") or () if port["name"] == "https"]
        hosts = [address for endpoint in found.get("endpoints") or () for address in endpoint["addresses"]]
        if not ports or not hosts:
            raise Malformed("no address of a kube-apiserver is in it", operation=f"GET {ENDPOINTS}")
        named = [f"[{host}]:{ports[0]}" if ":" in host else f"{host}:{ports[0]}" for host in hosts]
        return [(f"https://{host}", host) for host in named]

    async def _call(self, attempt: Callable[[], Awaitable[T]], operation: str) -> T:
        """Within the budget, and once more with renewed credentials when they are not accepted."""
        rate = self.cluster.calls_per_second
        allowance = CLIENT_GO if rate is None else Allowance(rate, max(1.0, 2 * rate))
        bucket = self.budget.bucket(self.target, "kube-apiserver", operation, allowance)
        try:
            return await self.budget.call(bucket, attempt)
        except NotAccepted:
            return await self.budget.call(bucket, attempt)

    async def _json(self, path: str, query: Mapping[str, str], permission: str, accept: str = "application/json") -> Json:
        url = self.client.credentials.server + path + (f"?{urlencode(query)}" if query else "")
        return await self._call(partial(self._json_once, url, path, permission, accept), "read")

    async def _json_once(self, url: str, path: str, permission: str, accept: str) -> Json:
        operation = f"GET {path}"
        async with self._request(url, operation, permission, accept) as response:
            expect(response, "application/json", operation)
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_JSON:
                    raise Malformed(f"an answer of more than {MAX_JSON >> 20} MiB", operation=operation)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"no JSON: {error}", operation=operation) from None
        if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
            raise Malformed("JSON, but no Kubernetes object", operation=operation)
        return found

    async def _metrics(self, url: str, replica: str, wanted: frozenset[str]) -> Page:
        operation = _metrics_of(replica)
        filtered = Filter(wanted, Page(self.clock(), replica))
        size = 0
        async with self._request(f"{url}/metrics", operation, "get /metrics", "text/plain", replica) as response:
            expect(response, "text/plain", operation)
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > self.cluster.max_page_size:
                    raise Malformed(
                        f"a page of more than {self.cluster.max_page_size} bytes (max_page_size)", operation=operation
                    )
                filtered.feed(chunk)
        return filtered.finish()

    @asynccontextmanager
    async def _request(
        self, url: str, operation: str, permission: str, accept: str, replica: str = ""
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response with status 200; whatever else comes is raised as what it means."""
        credentials = self.client.credentials
        headers = {"Accept": accept}
        identity = await credentials.identity()
        if identity.authorization is not None:
            headers["Authorization"] = identity.authorization
        # The certificate of a replica names the service, not its address.
        server_name = credentials.server_name or ("kubernetes" if replica else None)
        try:
            async with self.client.session().get(
                url,
                headers=headers,
                allow_redirects=False,
                proxy=credentials.proxy or environment_proxy(url),
                ssl=self.client.tls(identity.certificate),
                server_hostname=server_name,
            ) as response:
                if response.status == 401:
                    credentials.renew(identity)
                if response.status != 200:
                    raise await failure(response, operation, permission)
                yield response
        except (aiohttp.ClientError, OSError) as error:
            raise no_answer(error, operation) from None


def _metrics_of(replica: str) -> str:
    return f"GET /metrics of {replica}" if replica else "GET /metrics"
