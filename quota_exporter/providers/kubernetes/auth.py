"""How to reach one cluster and to be accepted by it."""

import base64
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from quota_exporter.errors import ConfigError, ExpiredCredentials

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

REREAD = 60.0
"""Seconds after which a token file is read again: projected tokens rotate, long before the old one expires."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server is shown. Secrets, so none of it is ever printed.

    Attributes:
        authorization: Value of the Authorization header.
        certificate: A client certificate and its key, as PEM.
    """

    authorization: str | None = field(default=None, repr=False)
    certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)


class Login(Protocol):
    """Where an identity comes from."""

    async def identity(self) -> Identity:
        """The identity now; raises ExpiredCredentials or TimedOut where there is none."""

    def renew(self, refused: Identity) -> None:
        """Forgets what was not accepted; another identity that came since is kept."""


@dataclass(slots=True)
class Written:
    """A token, a password or a certificate that stands in a kubeconfig.

    Attributes:
        again: Reads it anew; raises ConfigError where it cannot be read.
    """

    _identity: Identity
    again: Callable[[], Identity] = field(repr=False)

    async def identity(self) -> Identity:
        """The identity, as it stood there when it was last read."""
        return self._identity

    def renew(self, refused: Identity) -> None:
        """Reads it again: kubeconfigs are rotated like tokens. One that cannot be read changes nothing."""
        if self._identity is refused:
            with suppress(ConfigError):
                self._identity = self.again()


@dataclass(slots=True)
class TokenFile:
    """A token in a file that somebody else keeps fresh.

    Attributes:
        certificate: A client certificate that is shown beside the token.
        clock: Seconds that only ever grow.
    """

    path: Path
    certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.monotonic
    _identity: Identity | None = None
    _read_at: float = 0.0

    async def identity(self) -> Identity:
        """The token, read again every minute."""
        if self._identity is None or self.clock() - self._read_at >= REREAD:
            self._identity = Identity(f"Bearer {self._token()}", self.certificate)
            self._read_at = self.clock()
        return self._identity

    def renew(self, refused: Identity) -> None:
        """Reads the file again the next time."""
        if self._identity is refused:
            self._identity = None

    def _token(self) -> str:
        try:
            token = self.path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            # The bytes of a file that is no text may be a secret: they are not shown.
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ExpiredCredentials(f"the token file cannot be read: {why}", operation=str(self.path)) from None
        if not token:
            raise ExpiredCredentials("the token file is empty", operation=str(self.path))
        return token


@dataclass(slots=True)
class Credentials:
    """Everything needed to call a cluster. Equal ones differ at most in the login, which keeps itself fresh.

    Attributes:
        server: `https://host:port`, without a slash at the end.
        ca: PEM of the authorities that are trusted; the system's where None.
        verify: Whether the server's certificate is checked.
        server_name: The name that is expected in the server's certificate; the host's where None.
        proxy: URL of the proxy, which may have a password in it; the environment's where None.
    """

    server: str
    login: Login = field(compare=False)
    ca: bytes | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)

    async def identity(self) -> Identity:
        """What the server is to be shown now.

        Raises:
            ExpiredCredentials: There is nothing to show, or it cannot be sent.
            TimedOut: It was not there in time.
        """
        identity = await self.login.identity()
        authorization = identity.authorization or ""
        if not (authorization.isascii() and authorization.isprintable()):
            raise ExpiredCredentials("the token has line breaks or other characters in it that no header can have")
        return identity

    def tls(self, certificate: tuple[bytes, bytes] | None) -> ssl.SSLContext:
        """Trust, and the client certificate where there is one.

        Raises:
            ExpiredCredentials: The certificate cannot be used.
        """
        context = ssl.create_default_context(cadata=self.ca.decode("ascii") if self.ca else None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            try:
                load_certificate(context, certificate)
            except ValueError as error:
                raise ExpiredCredentials(str(error)) from None
        return context

    def renew(self, refused: Identity) -> None:
        """Forgets what was not accepted."""
        self.login.renew(refused)


def load_certificate(context: ssl.SSLContext, certificate: tuple[bytes, bytes]) -> None:
    """Gives a certificate and its key to OpenSSL, which takes them from files only.

    Raises:
        ValueError: They cannot be used; the message says why.
    """
    with _private(b"\n".join(certificate)) as path:
        try:
            # Without a password, OpenSSL would ask for that of an encrypted key on the terminal, and wait.
            context.load_cert_chain(path, password="")
        except ssl.SSLError as error:
            why = (error.reason or "not PEM, or the key is encrypted").lower().replace("_", " ")
            raise ValueError(f"the client certificate or its key cannot be used: {why}") from None


@contextmanager
def _private(content: bytes) -> Iterator[str]:
    """Path of a file that only we can read; on Linux in memory, because containers often may not write anywhere."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("quota-exporter"), "wb", buffering=0) as memory:
            memory.write(content)
            yield f"/proc/self/fd/{memory.fileno()}"
    else:
        with tempfile.NamedTemporaryFile(prefix="quota-exporter-", suffix=".pem", buffering=0) as file:
            file.write(content)
            yield file.name


def check_ca(ca: bytes, where: str) -> bytes:
    """The authorities, if there are any in it, without comments that are not ASCII.

    Raises:
        ConfigError: There are none.
    """
    text = ca.decode("ascii", "ignore")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ConfigError(f"{where}: no certificates in PEM") from None
    return text.encode()


def decoded(text: str, where: str) -> bytes:
    """Bytes of base64.

    Raises:
        ConfigError: It is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ConfigError(f"{where}: not base64") from None


def read(path: Path, where: str) -> bytes:
    """What is in a file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}") from None


def in_cluster(
    environ: Mapping[str, str], root: Path = SERVICE_ACCOUNT, clock: Callable[[], float] = time.monotonic
) -> Credentials:
    """The service account of the pod that the exporter runs in.

    Raises:
        ConfigError: This is no pod of a cluster.

    https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    ca, token = root / "ca.crt", root / "token"
    if not host or not ca.is_file() or not token.is_file():
        raise ConfigError(
            f"kubernetes: not in a cluster (KUBERNETES_SERVICE_HOST, {ca} and {token} are needed); "
            "give the entry a `kubeconfig`, or mount the service account's token"
        )
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Credentials(server, TokenFile(token, clock=clock), check_ca(read(ca, f"kubernetes: {ca}"), f"kubernetes: {ca}"))
