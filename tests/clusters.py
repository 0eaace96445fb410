"""What tests of credentials share: asking a cluster who it is, and a server that tells who asks."""

import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from quota_exporter.budget import Budget
from quota_exporter.demo.tls import Authority
from quota_exporter.model import Target
from quota_exporter.providers.kubernetes.api import Client
from quota_exporter.providers.kubernetes.auth import Credentials
from quota_exporter.providers.kubernetes.discovery import ClusterConnection
from quota_exporter.providers.kubernetes.kubeconfig import Kubeconfig
from quota_exporter.providers.kubernetes.settings import Cluster

Part = dict[str, Any]


@asynccontextmanager
async def opened(credentials: Credentials) -> AsyncIterator[ClusterConnection]:
    """A connection that asks once, and is closed in the end."""
    connection = ClusterConnection(Client(credentials), Cluster(), Budget(attempts=1, deadline=5.0))
    try:
        yield connection
    finally:
        await connection.close()


async def uid(connection: ClusterConnection) -> str:
    """UID of the cluster; raises what failed."""
    (target,) = await connection.targets()
    assert isinstance(target, Target)
    return target.account


async def asked(credentials: Credentials | Path) -> str:
    """UID of the cluster that credentials, or the current context of a kubeconfig, lead to."""
    if isinstance(credentials, Path):
        credentials = Kubeconfig(credentials).credentials(None)
    async with opened(credentials) as connection:
        return await uid(connection)


def written(path: Path, cluster: Part, user: object, **more: object) -> Path:
    """A kubeconfig with one context."""
    found = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "far", "user": "me"}}],
        "clusters": [{"name": "far", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(found | more))
    return path


def base64(raw: bytes) -> str:
    """As it stands under a key that ends with `-data`."""
    return b64encode(raw).decode()


class Mirror:
    """A server whose UID is who asks: the name in the client's certificate, and the Authorization header.

    Attributes:
        authority: Who signed its certificate.
        paths: What was asked for so far.
        names: The server names that were asked for so far.
    """

    def __init__(self, *names: str, client_certificates: bool = False):
        self.authority = Authority()
        self.paths: list[str] = []
        self.names: list[str | None] = []
        self.url = ""
        self._tls = self.authority.server(*names, client_certificates=client_certificates)
        self._tls.sni_callback = self._named
        self._runner: web.AppRunner | None = None

    @property
    def cluster(self) -> Part:
        """The cluster, as a kubeconfig has it."""
        return {"server": self.url, "certificate-authority-data": base64(self.authority.pem)}

    async def __aenter__(self) -> "Mirror":
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def _named(self, tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        self.names.append(name)

    async def _answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        subject = (request.get_extra_info("peercert") or {}).get("subject", ())
        shown = [value for ((key, value),) in subject if key == "commonName"]
        shown += [request.headers["Authorization"]] if "Authorization" in request.headers else []
        return web.json_response({"kind": "Namespace", "metadata": {"uid": " + ".join(shown) or "nobody"}})
