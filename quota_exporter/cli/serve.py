"""`quota-exporter serve`: polls in the background and serves the metrics."""

import argparse
import asyncio
import logging
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from quota_exporter.cli.exporter import Exporter, configuration
from quota_exporter.errors import ConfigError
from quota_exporter.web.app import application, check_path

if TYPE_CHECKING:
    from quota_exporter.web.protection import Protection

SUMMARY = "Poll in the background and serve the metrics (the default command)."

STOP_AFTER = 1.0
"""Seconds that open requests get to end after SIGTERM, and as many again once they are cancelled."""

log = logging.getLogger(__name__)


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    """`--config.file`."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        help="configuration; without it, what the environment offers",
    )


def add_web_flags(parser: argparse.ArgumentParser, listen: str = ":10042, all addresses") -> None:
    """`--web.…`, as Prometheus names them; says where it listens if not told."""
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="HOST:PORT",
        help=f"address to listen on, may be given several times (default: {listen})",
    )
    parser.add_argument(
        "--web.telemetry-path", dest="telemetry_path", default="/metrics", metavar="PATH", help="path of the metrics"
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        type=Path,
        metavar="FILE",
        help="TLS, client certificates, users and headers, in the format of Prometheus's exporter-toolkit",
    )


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    add_config_flag(parser)
    add_web_flags(parser)


def addresses(texts: Sequence[str] | None) -> list[tuple[str | None, int]]:
    """Hosts and ports; no host is all addresses.

    Raises:
        ConfigError: One cannot be read.
    """
    found = []
    for text in texts or [":10042"]:
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise ConfigError(
                f"--web.listen-address {text!r} is no address; write it like 127.0.0.1:10042, [::1]:10042 or :10042"
            )
        found.append((host.strip("[]") or None, int(port)))
    return found


@asynccontextmanager
async def served(
    app: web.Application, listen: Sequence[tuple[str | None, int]], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[list[str]]:
    """Serves an application; gives the URLs.

    Args:
        app: The application.
        listen: Hosts and ports.
        tls: Serves HTTPS.

    Raises:
        ConfigError: An address cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_AFTER, handler_cancellation=True)
    await runner.setup()
    try:
        for host, port in listen:
            try:
                await web.TCPSite(runner, host, port, ssl_context=tls, reuse_address=True).start()
            except (OSError, UnicodeError) as error:
                raise ConfigError(f"cannot listen on {host or ''}:{port}: {_why(error)}") from None
        scheme = "https" if tls else "http"
        yield [f"{scheme}://{_host(name[0])}:{name[1]}" for name in runner.addresses]
    finally:
        await runner.cleanup()


def _why(error: OSError | UnicodeError) -> str:
    if not isinstance(error, OSError):
        return "no name of a host"
    # Asyncio's own words would repeat the address; only those about names have no number of the system's.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)


def _host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only shown
        return "localhost"
    return f"[{host}]" if ":" in host else host


def obey_signals(exporter: Exporter) -> asyncio.Event:
    """What is set by SIGTERM or SIGINT; SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(exporter))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    return stop


async def _reload(exporter: Exporter) -> None:
    # A mistake was logged, and is on a metric.
    with suppress(ConfigError):
        await exporter.reload()


async def serve(
    config_file: Path | None,
    listen: Sequence[str] | None,
    telemetry_path: str,
    told: Callable[[str], None],
    web_config_file: Path | None = None,
) -> None:
    """Serves until SIGTERM.

    Args:
        config_file: What is polled; None for what the environment offers.
        listen: Texts of addresses.
        telemetry_path: Where the metrics are.
        told: Is given the first URL, without a path, once it answers.
        web_config_file: TLS, users and headers; None for none of them.

    Raises:
        ConfigError: The configuration or a flag is wrong, or an address is taken.
    """
    check_path(telemetry_path)
    wanted = addresses(listen)
    protection = _protection(web_config_file)
    exporter = Exporter(config_file)
    stop = obey_signals(exporter)
    await exporter.load(configuration(config_file))
    app = application(exporter.board, exporter.poller, exporter.own.registry, exporter.reload, telemetry_path)
    if protection:
        protection.guard(app)
    log.info("%s", protection or "TLS is disabled")
    async with served(app, wanted, tls=protection.tls if protection else None) as urls, exporter.running(stop.set):
        log.info("serving %s", ", ".join(f"{url}{telemetry_path}" for url in urls))
        told(urls[0])
        await stop.wait()
        log.info("stopping")


def _protection(path: Path | None) -> "Protection | None":
    if path is None:
        return None
    from quota_exporter.web.protection import Protection

    return Protection(path)


def run(flags: argparse.Namespace) -> int:
    """Serves until SIGTERM."""
    asyncio.run(serve(flags.config_file, flags.listen, flags.telemetry_path, lambda url: None, flags.web_config_file))
    return 0
