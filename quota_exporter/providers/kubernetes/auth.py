"""How to reach one cluster and to be accepted by it."""

import base64
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
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

    def renew(self) -> None:
        """Forgets what was not accepted."""


@dataclass(slots=True)
class Fixed:
    """An identity that never changes: a token, a password, a certificate."""

    _identity: Identity

    async def identity(self) -> Identity:
        """The one identity."""
        return self._identity

    def renew(self) -> None:
        """There is no other."""


@dataclass(slots=True)
class TokenFile:
    """A token in a file that somebody else keeps fresh."""

    path: Path
    clock: Callable[[], float] = time.monotonic
    _token: str = field(default="", repr=False)
    _read_at: float = -REREAD

    async def identity(self) -> Identity:
        """The token, read again every minute."""
        if self.clock() - self._read_at >= REREAD:
            try:
                self._token = self.path.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ExpiredCredentials(f"the token file cannot be read: {error}", operation=str(self.path)) from None
            self._read_at = self.clock()
        return Identity(f"Bearer {self._token}")

    def renew(self) -> None:
        """Reads the file again the next time."""
        self._read_at = -REREAD


@dataclass(slots=True)
class Credentials:
    """Everything needed to call a cluster.

    Attributes:
        server: `https://host:port`, without a slash at the end.
        ca: PEM of the authorities that are trusted; the system's where None.
        verify: Whether the server's certificate is checked.
        server_name: The name that is expected in the server's certificate; the host's where None.
        proxy: The kubeconfig's proxy-url.
    """

    server: str
    login: Login
    ca: bytes | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None

    async def tls(self) -> ssl.SSLContext:
        """Trust and client certificate.

        Raises:
            ExpiredCredentials: The certificate cannot be used.
        """
        context = ssl.create_default_context(cadata=self.ca.decode("ascii", "replace") if self.ca else None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        certificate = (await self.login.identity()).certificate
        if certificate is not None:
            _load(context, certificate)
        return context

    async def authorization(self) -> str | None:
        """Value of the Authorization header, if there is one."""
        return (await self.login.identity()).authorization

    def renew(self) -> None:
        """Forgets what was not accepted."""
        self.login.renew()


def _load(context: ssl.SSLContext, certificate: tuple[bytes, bytes]) -> None:
    """Gives a certificate and its key to OpenSSL, which takes them from files only: one that only we can read, for a moment."""
    with tempfile.NamedTemporaryFile(prefix="quota-exporter-", suffix=".pem") as file:
        file.write(b"\n".join(certificate))
        file.flush()
        try:
            context.load_cert_chain(file.name)
        except ssl.SSLError as error:
            raise ExpiredCredentials(f"the client certificate or its key cannot be used: {error.reason}") from None


def check_ca(ca: bytes, where: str) -> bytes:
    """The authorities, if there are any in it.

    Raises:
        ConfigError: It is no PEM.
    """
    try:
        ssl.create_default_context(cadata=ca.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError):
        raise ConfigError(f"{where}: no certificates in PEM") from None
    return ca


def decoded(text: str, where: str) -> bytes:
    """Bytes of base64.

    Raises:
        ConfigError: It is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ConfigError(f"{where}: not base64") from None


def in_cluster(environ: Mapping[str, str], root: Path = SERVICE_ACCOUNT) -> Credentials:
    """The service account of the pod that the exporter runs in.

    Raises:
        ConfigError: This is no pod of a cluster.

    https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    ca = root / "ca.crt"
    if not host or not ca.is_file() or not (root / "token").is_file():
        raise ConfigError(
            f"kubernetes: not in a cluster (KUBERNETES_SERVICE_HOST, {ca} and {root / 'token'} are needed); "
            "give the entry a `kubeconfig`, or mount the service account's token"
        )
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Credentials(server, TokenFile(root / "token"), check_ca(ca.read_bytes(), str(ca)))
