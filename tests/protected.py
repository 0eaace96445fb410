"""What the tests of `--web.config.file` share: a certificate authority, clients, and the real application behind a file."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt
import trustme
from multidict import CIMultiDictProxy

from quota_exporter.cli.exporter import Exporter
from quota_exporter.cli.serve import served
from quota_exporter.web.app import application
from quota_exporter.web.protection import Protection

AUTHORITY = trustme.CA()
"""Signs the server's and the clients' certificates."""

TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem"
"""The beginning of a file; what else is wanted of TLS, and a brace, come after it."""

HASH = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
"""Of `correct horse`, as libxcrypt made it."""

USER = f"basic_auth_users: {{alice: {HASH}}}"
"""A file, or its end."""


def write_certificate(folder: Path) -> None:
    """Puts a new certificate for loopback and its key into a folder."""
    issued = AUTHORITY.issue_cert("127.0.0.1")
    (folder / "cert.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())


def with_certificates(folder: Path) -> Path:
    """The folder, with all that the files of `configs/web` name."""
    write_certificate(folder)
    (folder / "ca.pem").write_bytes(AUTHORITY.cert_pem.bytes())
    (folder / "other-key.pem").write_bytes(AUTHORITY.issue_cert("x.example").private_key_pem.bytes())
    (folder / "encrypted-key.pem").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nxxxx\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    return folder


def trusting() -> ssl.SSLContext:
    """TLS of a client that trusts the authority."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def written(folder: Path, text: str) -> Path:
    """The file, with a text."""
    path = folder / "web.yaml"
    path.write_text(text)
    return path


def hashed(password: str, cost: int = 4) -> str:
    """A hash of a password, as cheap as can be."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def basic(name: str, password: str) -> str:
    """The header `Authorization` of a user."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@asynccontextmanager
async def serving(path: Path, clock: Callable[[], float] = lambda: 0.0) -> AsyncIterator[str]:
    """The real application, protected by a file; gives its URL."""
    exporter = Exporter(None)
    protection = Protection(path, clock)
    app = application(exporter.board, exporter.poller, exporter.own.registry, exporter.reload)
    protection.guard(app)
    async with served(app, [("127.0.0.1", 0)], tls=protection.tls) as urls:
        yield urls[0]


async def get(
    url: str, tls: ssl.SSLContext | None = None, authorization: str = "", method: str = "GET"
) -> tuple[int, CIMultiDictProxy[str]]:
    """Status and headers of an answer to a request on a new connection."""
    headers = {"Authorization": authorization} if authorization else {}
    connector = aiohttp.TCPConnector(ssl=tls or False, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session, session.request(method, url, headers=headers) as response:
        await response.read()
        return response.status, response.headers


async def comes_in(url: str, tls: ssl.SSLContext, certificate: trustme.LeafCert | None) -> bool:
    """Whether a client with a certificate gets an answer, whatever it is."""
    if certificate:
        certificate.configure_cert(tls)
    try:
        await get(url, tls)
    except aiohttp.ClientError:
        return False
    return True


async def connected(url: str, tls: ssl.SSLContext) -> dict[str, Any]:
    """What a handshake agrees on: the server's certificate, version and cipher."""
    host, _, port = url.removeprefix("https://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    connection = writer.get_extra_info("ssl_object")
    agreed = {"certificate": connection.getpeercert(True), "version": connection.version(), "cipher": connection.cipher()[0]}
    writer.close()
    await writer.wait_closed()
    return agreed
