"""The web application: which path is served by what."""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html import escape

from aiohttp import web
from prometheus_client import CollectorRegistry

from quota_exporter import __version__
from quota_exporter.board import Board
from quota_exporter.errors import ConfigError
from quota_exporter.poller import Poller
from quota_exporter.web.api import Api
from quota_exporter.web.metrics import MetricsPage

READY_AFTER = 120.0
"""Seconds after which the exporter is ready even if a job was not tried yet: a slow target must not hold up the rest."""

PAGES = {
    "/api/v1/quotas": "every quota, as JSON",
    "/api/v1/targets": "every target, and what failed, as JSON",
    "/-/healthy": "is the process alive",
    "/-/ready": "was every target polled once",
    "/-/reload": "reads the configuration again (POST or PUT)",
}
"""What is served beside the metrics and the landing page."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Readiness:
    """Once ready, always ready: an exporter that fails to poll must still be scraped."""

    poller: Poller
    clock: Callable[[], float] = time.monotonic
    started: float = field(default=-1.0)
    ready: bool = False

    def __post_init__(self) -> None:
        self.started = self.clock()

    def now(self) -> bool:
        """Whether every job was tried once, or long enough ago was the start."""
        self.ready = self.ready or self.poller.ready() or self.clock() - self.started >= READY_AFTER
        return self.ready


@dataclass(slots=True)
class _OwnPages:
    """The paths under `/-/`: about the exporter itself."""

    readiness: Readiness
    reload: Callable[[], Awaitable[None]]

    async def healthy(self, request: web.Request) -> web.Response:
        return web.Response(text="quota-exporter is healthy.\n")

    async def ready(self, request: web.Request) -> web.Response:
        if self.readiness.now():
            return web.Response(text="quota-exporter is ready.\n")
        return web.Response(text="Not every target was polled yet.\n", status=503)

    async def reloaded(self, request: web.Request) -> web.Response:
        try:
            await self.reload()
        except ConfigError as error:
            return web.Response(text=f"Nothing changed:\n{error}\n", status=400)
        return web.Response(text="Configuration reloaded.\n")


def check_path(telemetry_path: str) -> None:
    """Makes sure that metrics can be served there.

    Raises:
        ConfigError: They cannot.
    """
    if not re.fullmatch(r"/|(/[A-Za-z0-9._~-]+)+/?", telemetry_path):
        raise ConfigError(
            f"--web.telemetry-path {telemetry_path!r} must start with / and have only letters, digits and - . _ ~ between slashes"
        )
    if telemetry_path in PAGES:
        raise ConfigError(f"--web.telemetry-path {telemetry_path!r} is taken: {PAGES[telemetry_path]}")


def application(
    board: Board,
    poller: Poller,
    registry: CollectorRegistry,
    reload: Callable[[], Awaitable[None]],
    telemetry_path: str = "/metrics",
) -> web.Application:
    """Everything that is served.

    Args:
        reload: Reads the configuration again; raises ConfigError when nothing changed because it is wrong.
        telemetry_path: Where the metrics are, such as `check_path` lets pass; at `/`, in the place of the landing page.
    """
    api = Api(board, poller)
    own = _OwnPages(Readiness(poller), reload)

    async def landing(request: web.Request) -> web.Response:
        return web.Response(text=_landing(telemetry_path), content_type="text/html")

    app = web.Application(client_max_size=1 << 16)
    app.add_routes(
        [
            *([web.get("/", landing)] if telemetry_path != "/" else ()),
            web.get(telemetry_path, MetricsPage(board, registry).get),
            web.get("/-/healthy", own.healthy),
            web.get("/-/ready", own.ready),
            web.post("/-/reload", own.reloaded),
            web.put("/-/reload", own.reloaded),
            web.get("/api/v1/quotas", api.quotas),
            web.get("/api/v1/targets", api.targets),
        ]
    )
    return app


def _landing(telemetry_path: str) -> str:
    links = {telemetry_path: "metrics, for Prometheus", **{path: text for path, text in PAGES.items() if path != "/-/reload"}}
    rows = "".join(f'<li><a href="{escape(path)}">{escape(path)}</a> {escape(text)}</li>' for path, text in links.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>quota-exporter</title>'
        f"<h1>quota-exporter</h1><p>How close you are to a limit. Version {escape(__version__)}.</p><ul>{rows}</ul></html>"
    )
