"""The calls that are made most often, without boto3: botocore resolves and signs, aiohttp sends, a fast decoder reads.

Both services speak JSON: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/ and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/. Times are seconds since 1970.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp
import pydantic_core
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import get_cert_path

from quota_exporter import __version__
from quota_exporter.errors import Malformed, TimedOut, Unreachable
from quota_exporter.providers.aws.answers import failure
from quota_exporter.providers.aws.clients import CONNECT_TIMEOUT, READ_TIMEOUT, Clients
from quota_exporter.proxies import environment_proxy

AT_ONCE = 64
"""Calls under way together; an answer takes AWS tenths of a second."""

MAX_ANSWER = 64 << 20


class Endpoint(NamedTuple):
    """Where a service is called in a region.

    Attributes:
        name: The service's name in signatures.
        version: Of its JSON.
        prefix: Of its operations.
        proxy: URL; None for none.
    """

    url: str
    name: str
    version: str
    prefix: str
    proxy: str | None


@dataclass(slots=True)
class Wire:
    """Sends signed requests.

    Attributes:
        clients: Know the endpoints.
        proxy: URL; None for what the environment says.
    """

    clients: Clients
    proxy: str | None = None
    _session: aiohttp.ClientSession | None = None
    _endpoints: dict[tuple[str, str], "Endpoint"] = field(default_factory=dict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def call(self, call: str, region: str, keys: ReadOnlyCredentials, params: dict[str, Any]) -> dict[str, Any]:
        """Makes a call once.

        Raises:
            ApiError: It failed.
        """
        service, _, operation = call.partition(".")
        if (service, region) not in self._endpoints:
            self._endpoints[service, region] = await self.clients.in_thread(lambda: self._endpoint(service, region), region, call)
        endpoint = self._endpoints[service, region]
        headers = {
            "Content-Type": f"application/x-amz-json-{endpoint.version}",
            "X-Amz-Target": f"{endpoint.prefix}.{operation}",
        }
        request = AWSRequest("POST", endpoint.url, data=pydantic_core.to_json(params), headers=headers)
        SigV4Auth(keys, endpoint.name, region).add_auth(request)
        async with self._turns:
            answer = await self._send(call, endpoint, request)
            async with self._reading:
                # Answers that came together are read one by one, and others have their turns in between.
                await asyncio.sleep(0)
                return _read(call, *answer)

    async def close(self) -> None:
        """Ends all connections."""
        if self._session is not None:
            await self._session.close()

    def _endpoint(self, service: str, region: str) -> Endpoint:
        meta = self.clients.client(service, region).meta
        url = meta.endpoint_url + "/"
        known = meta.service_model.metadata
        proxy = self.proxy or environment_proxy(url)
        return Endpoint(url, meta.service_model.signing_name, known["jsonVersion"], known["targetPrefix"], proxy)

    async def _send(self, call: str, endpoint: Endpoint, request: Any) -> tuple[int, bytes, Any]:
        try:
            async with self._opened().post(
                endpoint.url, data=request.data, headers=dict(request.headers.items()), proxy=endpoint.proxy
            ) as response:
                body = await response.content.read(MAX_ANSWER)
                while not response.content.at_eof():
                    body += await response.content.read(MAX_ANSWER)
                    if len(body) > MAX_ANSWER:
                        raise Malformed(f"an answer of more than {MAX_ANSWER >> 20} MiB", operation=call)
                return response.status, body, response.headers
        except aiohttp.ServerTimeoutError as error:
            raise TimedOut(str(error), operation=call) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}", operation=call) from None

    def _opened(self) -> aiohttp.ClientSession:
        """The session; opened on first use, because that needs a running loop."""
        if self._session is None:
            bundle = self.clients.session.get_config_variable("ca_bundle") or get_cert_path(True)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=4 * AT_ONCE, ssl=ssl.create_default_context(cafile=bundle)),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT),
                headers={"User-Agent": f"quota-exporter/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
            )
        return self._session


def _read(call: str, status: int, body: bytes, headers: Any) -> dict[str, Any]:
    """The answer as JSON; whatever else comes is raised as what it means."""
    try:
        found = pydantic_core.from_json(body, cache_strings="keys")
    except ValueError:
        found = None
    if status == 200 and isinstance(found, dict):
        return found
    if status == 200:
        raise Malformed(f"no JSON object: {body[:60]!r}", operation=call)
    told = found if isinstance(found, dict) else {}
    # A code may stand in the header, and may have a namespace before and a URL after it.
    code = str(headers.get("x-amzn-ErrorType") or told.get("__type") or told.get("code") or "")
    code = code.partition(":")[0].rpartition("#")[2]
    raise failure(call, code, str(told.get("message") or told.get("Message") or ""), status, _seconds(headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    """Of a Retry-After that is a number; AWS sends no dates there."""
    return float(text) if text is not None and text.isdecimal() else None
