"""An embedded kube-apiserver: TLS, tokens, `/metrics`, lists, and the errors of the real one, over real HTTP."""

import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from quota_exporter.demo.kube_objects import Json, Objects, captured, objects, page
from quota_exporter.demo.tls import Authority

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

FLOW = {"X-Kubernetes-PF-FlowSchema-UID": "e0647f93", "X-Kubernetes-PF-PriorityLevel-UID": "3c7e5036"}
UID = "0c3f8a52-6a3b-4f0e-9d57-2f1e5c8b7a90"
ENDPOINTS = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"


class Apiserver:
    """A cluster on loopback. Use it with `async with`.

    Attributes:
        objects: Lists by path; change them at will.
        metrics: Gives the page of `/metrics`.
        answers: Answers that replace the normal one, by path: faults for tests.
        most: The most objects on a page, whatever is asked for; as asked where None.
        requests: Every request so far, as `GET /path?query`.
        token: The bearer token that is accepted.
        uid: UID of the namespace `kube-system`.
    """

    def __init__(self, metrics: Callable[[], bytes] | str = "apiserver-after-60s.txt", *, uid: str = UID):
        if isinstance(metrics, str):
            raw = captured(metrics)
            self.metrics: Callable[[], bytes] = lambda: raw
        else:
            self.metrics = metrics
        self.objects: Objects = objects()
        self.answers: dict[str, Answer] = {}
        self.most: int | None = None
        self.requests: list[str] = []
        self.token = secrets.token_urlsafe()
        self.uid = uid
        self.authority = Authority()
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "Apiserver":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listens on loopback; on a port of the system's choice where 0."""
        app = web.Application(middlewares=[self._authenticated])
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self.authority.server("kubernetes")).start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Ends all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    def kubeconfig(self, folder: Path, *, ca: bytes | None = None, **user: str) -> Path:
        """Writes a kubeconfig for this cluster, context `demo`; with another CA or user where given."""
        ca_file = folder / "ca.crt"
        ca_file.write_bytes(self.authority.pem if ca is None else ca)
        found = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "demo",
            "clusters": [{"name": "demo", "cluster": {"server": self.url, "certificate-authority": ca_file.name}}],
            "users": [{"name": "demo", "user": user or {"token": self.token}}],
            "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo"}}],
        }
        path = folder / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(found))
        return path

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        given = request.headers.get("Authorization")
        if given is None:
            return _status("err-403-anonymous-metrics.json", 403)
        if given != f"Bearer {self.token}":
            return _status("err-401-badtoken.json", 401)
        return await handler(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in self.answers:
            return await self.answers[path](request)
        if path == "/metrics":
            response = web.Response(body=self.metrics(), headers=FLOW, content_type="text/plain", charset="utf-8")
            response.enable_compression()
            return response
        if path in self.objects:
            return self._list(request)
        single = self._single(path)
        return _status("err-404-nogroup.json", 404) if single is None else _json(single)

    def _list(self, request: web.Request) -> web.Response:
        as_table = "as=Table" in request.headers.get("Accept", "")
        try:
            return _json(page(request.path, self.objects[request.path], request.query, self.most, as_table))
        except KeyError:
            return _status("err-410-continue-expired.json", 410)
        except ValueError as error:
            return _json({"kind": "Status", "metadata": {}, "status": "Failure", "message": str(error), "code": 400}, 400)

    def _single(self, path: str) -> Json | None:
        """An object that is no list."""
        host, _, port = self.url.removeprefix("https://").rpartition(":")
        return {
            "/version": json.loads(captured("version.json")),
            "/api/v1/namespaces/kube-system": {"kind": "Namespace", "metadata": {"name": "kube-system", "uid": self.uid}},
            ENDPOINTS: {
                "kind": "EndpointSlice",
                "metadata": {"name": "kubernetes", "namespace": "default"},
                "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
                "ports": [{"name": "https", "port": int(port), "protocol": "TCP"}],
            },
        }.get(path)


def _json(found: Any, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(found).encode(), status=status, headers=FLOW, content_type="application/json")


def _status(name: str, status: int) -> web.Response:
    return web.Response(body=captured(name), status=status, content_type="application/json")
