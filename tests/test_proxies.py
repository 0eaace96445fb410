"""Clusters behind a proxy: from the config, a kubeconfig or the environment; a real one, that tunnels on loopback."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from quota_exporter.budget import Budget
from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.demo.tls import Authority
from quota_exporter.errors import ConfigError, Unreachable
from quota_exporter.providers.kubernetes import KUBERNETES, connect
from quota_exporter.providers.kubernetes.discovery import ClusterConnection
from quota_exporter.providers.kubernetes.settings import Cluster
from quota_exporter.proxies import environment_proxy
from tests.clusters import Mirror, base64, uid, written


class Proxy:
    """An HTTP proxy that tunnels with CONNECT.

    Attributes:
        tunnels: Where to, one after the other.
        heads: What was asked of it.
        refusal: Status line of the answer, in place of a tunnel.
    """

    def __init__(self) -> None:
        self.tunnels: list[str] = []
        self.heads: list[str] = []
        self.refusal = ""
        self.port = 0

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        to = head.split()[1]
        if self.refusal:
            writer.write(f"HTTP/1.1 {self.refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        self.tunnels.append(to)
        host, _, port = to.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


async def _copy(source: StreamReader, sink: StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await source.read(1 << 16):
            sink.write(piece)
            await sink.drain()
    sink.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy that lets everybody through."""
    async with Proxy() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxies the tests themselves are run behind."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def opened(path: Path, proxy: str | None = None) -> ClusterConnection:
    """A cluster as an entry of the config opens it."""
    connection = connect(Cluster(kubeconfig=path, proxy=proxy), Budget(attempts=1, deadline=5.0))
    assert isinstance(connection, ClusterConnection)
    return connection


async def asked(path: Path, proxy: str | None = None) -> str:
    """UID of the cluster of a kubeconfig, through the proxy of the config where there is one."""
    connection = opened(path, proxy)
    try:
        return await uid(connection)
    finally:
        await connection.close()


@pytest.mark.parametrize("way", ["config", "kubeconfig", "environment", "environment, bare"])
async def test_through_a_proxy(way: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a proxy is named, the cluster is reached through a tunnel of it, and nothing but a tunnel is asked for."""
    url = f"http://127.0.0.1:{proxy.port}"
    async with Mirror() as server:
        more = {"proxy-url": url} if way == "kubeconfig" else {}
        path = written(tmp_path / "config", server.cluster | more, {"token": "s3cret"})
        if "environment" in way:
            monkeypatch.setenv("HTTPS_PROXY", url.removeprefix("http://") if "bare" in way else url)

        found = await asked(path, url if way == "config" else None)

    assert found == "Bearer s3cret"
    assert proxy.tunnels == [server.url.removeprefix("https://")]
    assert "s3cret" not in "".join(proxy.heads)


async def test_nearest_proxy_wins(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The config's proxy wins over the kubeconfig's, that over the environment's, NO_PROXY included."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "*")
    url = f"http://127.0.0.1:{proxy.port}"
    async with Mirror() as server:
        of_kubeconfig = written(tmp_path / "a", server.cluster | {"proxy-url": url}, None)
        of_config = written(tmp_path / "b", server.cluster | {"proxy-url": "http://127.0.0.1:1"}, None)

        found = [await asked(of_kubeconfig), await asked(of_config, url)]

    assert found == ["nobody", "nobody"]
    assert len(proxy.tunnels) == 2


@pytest.mark.parametrize(
    ("no_proxy", "bypassed"),
    [
        ("127.0.0.1", True),
        ("example.com, 127.0.0.1", True),
        ("127.0.0.0/8", True),
        ("*", True),
        ("", False),
        ("10.0.0.0/8,fd00::/8,example.com,127.0.0.2", False),
    ],
)
async def test_no_proxy(no_proxy: str, bypassed: bool, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY names hosts, and networks as is usual in clusters, that are reached without the environment's proxy."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    async with Apiserver() as server:
        found = await asked(server.kubeconfig(tmp_path))

    assert found == server.uid
    assert len(proxy.tunnels) == (not bypassed)


@pytest.mark.parametrize(
    ("url", "no_proxy", "found"),
    [
        ("https://[fd00::1]:6443", "fd00::/8", None),
        ("https://[fd00::1]:6443", "10.0.0.0/8", "http://proxy:3128"),
        ("https://k8s.example.com", ".example.com", None),
        ("https://k8s.example.com:6443", "k8s.example.com:6443", None),
        ("https://k8s.example.com:443", "k8s.example.com:6443", "http://proxy:3128"),
        ("https://notexample.com", ".example.com", "http://proxy:3128"),
        ("http://10.0.0.1", "", None),
    ],
)
def test_environment_proxy(url: str, no_proxy: str, found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is for https only; NO_PROXY may have domains, ports and networks of both kinds."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert environment_proxy(url) == found


async def test_password_of_a_proxy(proxy: Proxy, tmp_path: Path) -> None:
    """User and password of a proxy are shown to the proxy, and not to the cluster."""
    async with Mirror() as server:
        path = written(tmp_path / "config", server.cluster, None)

        found = await asked(path, f"http://me:s3cret@127.0.0.1:{proxy.port}")

    assert found == "nobody"
    assert f"Proxy-Authorization: Basic {base64(b'me:s3cret')}" in proxy.heads[0]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("407 Proxy Authentication Required", "the proxy refused: 407 Proxy Authentication Required"),
        ("403 Not for you", "the proxy refused: 403 Not for you"),
        ("502 Bad Gateway", "the proxy refused: 502 Bad Gateway"),
    ],
)
async def test_refused_by_a_proxy(refusal: str, words: str, proxy: Proxy, tmp_path: Path) -> None:
    """What a proxy refuses is told as the proxy's doing, without its password."""
    proxy.refusal = refusal
    async with Apiserver() as server:
        with pytest.raises(Unreachable) as told:
            await asked(server.kubeconfig(tmp_path), f"http://me:s3cret@127.0.0.1:{proxy.port}")

    assert str(told.value) == words
    assert server.requests == []


async def test_no_proxy_there(tmp_path: Path) -> None:
    """A proxy that is not there is named, without its password."""
    async with Apiserver() as server:
        with pytest.raises(Unreachable) as told:
            await asked(server.kubeconfig(tmp_path), "http://me:s3cret@127.0.0.1:1")

    assert str(told.value).startswith("no connection to 127.0.0.1:1: ")
    assert "s3cret" not in str(told.value)


async def test_proxies_are_not_trusted(proxy: Proxy, tmp_path: Path) -> None:
    """Through a proxy as without one, the cluster's own certificate is checked, and nothing is told before."""
    async with Apiserver() as server:
        with pytest.raises(Unreachable) as told:
            await asked(server.kubeconfig(tmp_path, ca=Authority().pem), f"http://127.0.0.1:{proxy.port}")

    assert "certificate verify failed" in str(told.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "url", ["socks5://me:s3cret@proxy:1080", "http://me:s3cret@:3128", "http://me:s3cret@proxy:x", "http://["]
)
@pytest.mark.parametrize("way", ["config", "environment"])
def test_bad_proxy(way: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is told at the start, without its password."""
    path = written(tmp_path / "config", {"server": "https://far"}, None)
    if way == "environment":
        monkeypatch.setenv("HTTPS_PROXY", url)

    with pytest.raises(ConfigError) as told:
        opened(path, url if way == "config" else None)

    where = f"kubernetes {path}:current-context: proxy" if way == "config" else "HTTPS_PROXY"
    assert str(told.value) == f"{where}: no URL of an HTTP proxy; write it like http://proxy.example.com:3128"


async def test_netrc_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a .netrc has for the host is neither sent nor in the way of the credentials."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password s3cret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with Mirror() as server:
        found = [await asked(written(tmp_path / "config", server.cluster, user)) for user in (None, {"token": "t"})]

    assert found == ["nobody", "Bearer t"]


def test_proxy_is_not_shown(tmp_path: Path) -> None:
    """The proxy's password is not in what stands for a connection's credentials."""
    path = written(tmp_path / "config", {"server": "https://far"}, None)

    connection = opened(path, "http://me:s3cret@proxy:3128")

    assert connection.client.credentials.proxy == "http://me:s3cret@proxy:3128"
    assert "s3cret" not in repr(connection.client)
    assert KUBERNETES.connect is connect
