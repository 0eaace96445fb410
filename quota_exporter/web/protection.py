"""A web configuration file at work: TLS, users, headers and the rate limit, read again when a file changes."""

import logging
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from quota_exporter.errors import ConfigError
from quota_exporter.web.config_file import SECRETS, RateLimit, WebConfig, cross_checks
from quota_exporter.web.passwords import Passwords
from quota_exporter.web.tls import fill
from quota_exporter.yaml_file import Mistake, YamlFile

CHALLENGE = {"WWW-Authenticate": 'Basic realm="quota-exporter", charset="UTF-8"'}

Stamps = dict[Path, tuple[int, ...] | None]
"""What a file looked like from outside when it was last read; None where there was none."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file that was read and is right.

    Attributes:
        config: What stands in it.
        context: Ready for connections; None without TLS.
    """

    config: WebConfig
    context: ssl.SSLContext | None

    def lost(self, before: "WebFile") -> str:
        """Which protection is there no more, in words; empty if none went."""
        if (self.context is None) != (before.context is None):
            return "TLS can be switched on or off"
        if before.context and self.context and self.context.verify_mode < before.context.verify_mode:
            return "clients' certificates can be asked for less"
        return "the last user can be removed" if before.config.basic_auth_users and not self.config.basic_auth_users else ""


def read(path: Path, stamps: Stamps) -> WebFile:
    """Reads and checks a file, and the certificates that it names.

    Args:
        path: The file.
        stamps: Gets what each file looked like before it was read, also if one is wrong.

    Raises:
        ConfigError: With a line for each mistake.
    """
    stamps[path] = _stamp(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def checks(config: WebConfig) -> Iterator[Mistake]:
        yield from cross_checks(config)
        if config.tls_server_config.model_fields_set:
            stamps.update((file, _stamp(file)) for file in config.tls_server_config.files(path.parent).values())
            yield from fill(context, config.tls_server_config, path.parent)

    config = YamlFile(path).checked(WebConfig, checks, SECRETS)
    return WebFile(config, context if config.tls_server_config.model_fields_set else None)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class LiveContext(ssl.SSLContext):
    """Gives every new connection what is newest; nothing but `wrap_bio`, by which asyncio connects, is of use."""

    newest: Callable[[], WebFile]

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Starts a connection with the newest context; nobody could connect to this one, which has no certificate."""
        context = self.newest().context
        return context.wrap_bio(*args, **kwargs) if context else super().wrap_bio(*args, **kwargs)


@dataclass(slots=True)
class Bucket:
    """Lets through a burst, and one more after each interval."""

    clock: Callable[[], float]
    limit: RateLimit = field(default_factory=RateLimit)
    _tokens: float = 0.0
    _counted_at: float = 0.0

    def takes(self, limit: RateLimit) -> bool:
        """Whether one more request is answered; a limit that changed starts with a full burst."""
        now = self.clock()
        if limit != self.limit:
            self.limit, self._tokens, self._counted_at = limit, limit.burst, now
        if not limit.interval:
            return True
        self._tokens = min(limit.burst, self._tokens + (now - self._counted_at) / limit.interval)
        self._counted_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Protection:
    """Protects an application as a file says, which may change while it runs. What became wrong does not count.

    Attributes:
        tls: What connections are accepted with; None without TLS.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads the file.

        Args:
            path: The file.
            clock: Seconds, for the rate limit.

        Raises:
            ConfigError: It is wrong.
        """
        self._path = path
        self._stamps: Stamps = {}
        self._file = read(path, self._stamps)
        self._bucket = Bucket(clock)
        self._passwords = Passwords()
        self.tls: LiveContext | None = None
        if self._file.context:
            self.tls = LiveContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.newest = self._newest

    def guard(self, app: web.Application) -> None:
        """Has every request of an application pass here first."""
        app.middlewares.insert(0, self._guarded)
        app.on_response_prepare.append(self._with_headers)
        app.on_cleanup.append(self._close)

    def __str__(self) -> str:
        config = self._file.config
        users = f"{len(config.basic_auth_users) or 'no'} user{'s' * (len(config.basic_auth_users) != 1)}"
        tls = config.tls_server_config
        if not self.tls:
            return f"TLS is disabled; {users}{', whose passwords travel in the clear' * bool(config.basic_auth_users)}"
        return f"TLS is enabled, {tls.min_version} to {tls.max_version}, {tls.client_auth_type}; {users}"

    def _newest(self) -> WebFile:
        """The file as it is now, or as it last was right."""
        if any(_stamp(path) != stamp for path, stamp in self._stamps.items()):
            self._stamps = {}
            try:
                file = read(self._path, self._stamps)
                if lost := file.lost(self._file):
                    raise ConfigError(f"{self._path}: {lost} only by a restart")
            except ConfigError as error:
                log.error("%s was not read again, what it said before still holds:\n%s", self._path, error)
            else:
                self._file = file
                log.info("%s was read again: %s", self._path, self)
        return self._file

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        config = self._newest().config
        if not self._bucket.takes(config.rate_limit):
            return web.Response(text="Too many requests\n", status=429)
        users = config.basic_auth_users
        if users and not await self._passwords.admits(request.headers.get("Authorization", ""), users):
            return web.Response(text="Unauthorized\n", status=401, headers=CHALLENGE)
        return await handler(request)

    async def _with_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._file.config.http_server_config.headers.given())

    async def _close(self, app: web.Application) -> None:
        self._passwords.close()
