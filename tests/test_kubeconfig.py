"""What stands in a kubeconfig: shown to real servers over TLS as kubectl would; every mistake told in words."""

import ssl
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.demo.tls import Authority
from quota_exporter.errors import ConfigError, ExpiredCredentials, Unreachable
from quota_exporter.providers.kubernetes.auth import Credentials
from quota_exporter.providers.kubernetes.kubeconfig import Kubeconfig
from tests.clusters import Mirror, Part, asked, base64, opened, uid, written

AUTHORITY = Authority()


async def test_authority_with_comments(tmp_path: Path) -> None:
    """A bundle of authorities with comments in any language is read."""
    async with Mirror() as server:
        ca = "# Türkiye ✓\n".encode() + AUTHORITY.pem + b"# \xff\n" + server.authority.pem
        cluster = {"server": server.url, "certificate-authority-data": base64(ca)}

        found = await asked(written(tmp_path / "config", cluster, None))

    assert found == "nobody"


async def test_contexts(tmp_path: Path) -> None:
    """The named context is used, else the current one; each has its own cluster, authority and user."""
    async with Apiserver(uid="uid-a") as one, Apiserver(uid="uid-b") as two:
        servers = {"a": one, "b": two}
        ca = {name: base64(server.authority.pem) for name, server in servers.items()}
        clusters = {name: {"server": server.url, "certificate-authority-data": ca[name]} for name, server in servers.items()}
        more: Part = {
            "current-context": "b",
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in servers],
            "clusters": [{"name": name, "cluster": cluster} for name, cluster in clusters.items()],
            "users": [{"name": name, "user": {"token": server.token}} for name, server in servers.items()],
        }
        file = written(tmp_path / "config", {}, {}, **more)

        found = [await asked(Kubeconfig(file).credentials(context)) for context in ("a", "b", None)]

    assert found == ["uid-a", "uid-b", "uid-b"]


SHOWN: list[tuple[Part, str]] = [
    ({"token": "t"}, "Bearer t"),
    ({"token": 123}, "Bearer 123"),
    ({"tokenFile": "token"}, "Bearer from-file"),
    ({"token": "t", "tokenFile": "token"}, "Bearer t"),
    ({"username": "me", "password": "pw:ü"}, "Basic bWU6cHc6w7w="),
    ({"username": "me"}, "Basic bWU6"),
    ({}, "nobody"),
    ({"client-certificate": "pki/me.crt", "client-key": "pki/me.key"}, "alice"),
    ({"client-certificate": "pki/me.crt", "client-key": "pki/me.key", "tokenFile": "token"}, "alice + Bearer from-file"),
    ({"client-certificate": "pki/me.crt", "client-key": "pki/me.key", "token": "t"}, "alice + Bearer t"),
]


@pytest.mark.parametrize(("user", "shown"), SHOWN)
async def test_user(user: Part, shown: str, tmp_path: Path) -> None:
    """Each kind of user of a kubeconfig is shown to the server as such; paths are relative to the file."""
    async with Mirror(client_certificates="alice" in shown) as server:
        (tmp_path / "pki").mkdir()
        for name, pem in zip(("me.crt", "me.key"), server.authority.client("alice"), strict=True):
            (tmp_path / "pki" / name).write_bytes(pem)
        (tmp_path / "token").write_text("from-file\n")

        found = await asked(written(tmp_path / "config", server.cluster, user))

    assert found == shown


async def test_data_wins(tmp_path: Path) -> None:
    """What stands in the file itself wins over the file beside that is named, as with kubectl; absolute paths are fine."""
    async with Mirror(client_certificates=True) as server:
        certificate, key = server.authority.client("inline")
        absent = str(tmp_path / "nothing" / "there")
        user = {"client-certificate-data": base64(certificate), "client-key-data": base64(key)}
        user |= {"client-certificate": absent, "client-key": absent}
        cluster = server.cluster | {"certificate-authority": absent}

        found = await asked(written(tmp_path / "config", cluster, user))

    assert found == "inline"


@pytest.mark.parametrize("user", [{"token": "s3cret"}, {"foreign": True}])
async def test_certificate_is_demanded(user: Part, tmp_path: Path) -> None:
    """A server that demands a certificate is unreachable without one that it trusts; the message has no secret in it."""
    if "foreign" in user:
        certificate, key = Authority().client("stranger")
        user = {"client-certificate-data": base64(certificate), "client-key-data": base64(key)}
    async with Mirror(client_certificates=True) as server:
        with pytest.raises(Unreachable) as told:
            await asked(written(tmp_path / "config", server.cluster, user))

    assert "s3cret" not in str(told.value)
    assert server.paths == []


@pytest.mark.parametrize(
    ("more", "works"),
    [
        ({"insecure-skip-tls-verify": True}, True),
        ({"insecure-skip-tls-verify": False}, False),
        ({"insecure-skip-tls-verify": "false"}, False),
        ({"insecure-skip-tls-verify": 0}, False),
    ],
)
async def test_insecure(more: Part, works: bool, tmp_path: Path) -> None:
    """Only a plain `true` switches the check of the server's certificate off."""
    async with Mirror() as server:
        cluster = {"server": server.url, "certificate-authority-data": base64(AUTHORITY.pem)} | more
        path = written(tmp_path / "config", cluster, {"token": "t"})

        try:
            found = await asked(path)
        except Unreachable as error:
            found = str(error)

    assert found == "Bearer t" if works else "certificate verify failed" in found
    assert server.paths == (["/api/v1/namespaces/kube-system"] if works else [])


@pytest.mark.parametrize(("name", "works"), [("cluster.example", True), ("other.example", False)])
async def test_server_name(name: str, works: bool, tmp_path: Path) -> None:
    """With `tls-server-name` that name is asked for, and expected in the server's certificate."""
    async with Mirror("cluster.example") as server:
        path = written(tmp_path / "config", server.cluster | {"tls-server-name": name}, {"token": "t"})

        try:
            found = await asked(path)
        except Unreachable as error:
            found = str(error)

    assert found == "Bearer t" if works else f"certificate is not valid for '{name}'" in found
    assert server.names == [name]


async def test_below_a_path(tmp_path: Path) -> None:
    """A cluster may be reached below a path of another server, as with Rancher."""
    async with Mirror() as server:
        cluster = server.cluster | {"server": f"{server.url}/k8s/clusters/c-1/"}

        await asked(written(tmp_path / "config", cluster, {"token": "t"}))

    assert server.paths == ["/k8s/clusters/c-1/api/v1/namespaces/kube-system"]


async def test_plain_http_on_loopback(tmp_path: Path) -> None:
    """`kubectl proxy` and the like on loopback are reached over plain http, also with credentials."""
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({"metadata": {"uid": "near"}})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    found = await asked(written(tmp_path / "config", {"server": url}, {"token": "t"}))
    await runner.cleanup()

    assert (found, seen) == ("near", ["Bearer t"])


async def test_rotated_kubeconfig(tmp_path: Path) -> None:
    """A kubeconfig whose token was replaced is read again when the old one is refused, without a failed poll."""
    async with Apiserver() as server:
        path = server.kubeconfig(tmp_path)
        async with opened(Kubeconfig(path).credentials(None)) as connection:
            await uid(connection)
            server.token = "rotated"
            path.write_text("half a kubecon")
            with pytest.raises(ExpiredCredentials):
                await uid(connection)
            server.kubeconfig(tmp_path)

            found = await uid(connection)

    assert found == server.uid


CLUSTER = {"server": "https://10.0.0.1:6443"}
CERTIFICATE, KEY = (base64(pem) for pem in AUTHORITY.client("me"))
ENCRYPTED = base64(
    serialization.load_pem_private_key(b64decode(KEY), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"s3cret")
    )
)
NO_PAIR = "user 'me': the client certificate or its key cannot be used: "
NO_EXEC = (
    "user 'me': exec needs a command, and apiVersion client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1"
)
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "args": ["--secret", "s3cret"]}
NO_LISTS = "user 'me': exec: args must be a list, and env a list of `name` and `value`"
NO_PROXY_URL = "cluster 'far': proxy-url: no URL of an HTTP proxy; write it like http://proxy.example.com:3128"


def cluster(**more: object) -> Part:
    """A part of a kubeconfig with a cluster like this."""
    return {"clusters": [{"name": "far", "cluster": CLUSTER | {key.replace("_", "-"): value for key, value in more.items()}}]}


def user(**keys: object) -> Part:
    """A part of a kubeconfig with a user like this."""
    return {"users": [{"name": "me", "user": {key.replace("_", "-"): value for key, value in keys.items()}}]}


BROKEN: list[tuple[Part, str]] = [
    ({"current-context": None}, "has no current-context; give the entry a `context`"),
    ({"current-context": "two"}, "no context 'two' in `contexts`; there are: one"),
    ({"contexts": None}, "no context 'one' in `contexts`; there are: none"),
    ({"contexts": 5}, "no context 'one' in `contexts`; there are: none"),
    ({"contexts": [{"name": "one", "context": "far"}]}, "no context 'one' in `contexts`; there are: one"),
    ({"contexts": [{"name": "one"}]}, "no cluster '' in `clusters`; there are: far"),
    ({"clusters": [{"name": "a"}, {"name": "b"}, "c"]}, "no cluster 'far' in `clusters`; there are: a, b"),
    ({"users": []}, "no user 'me' in `users`; there are: none"),
    ({"clusters": [{"name": "far", "cluster": None}]}, "cluster 'far': server '' is no https:// URL"),
    (cluster(server="10.0.0.1:6443"), "cluster 'far': server '10.0.0.1:6443' is no https:// URL"),
    (cluster(server="https://[::1"), "cluster 'far': server 'https://[::1' is no https:// URL"),
    (cluster(server="https://far:https"), "cluster 'far': server 'https://far:https' is no https:// URL"),
    (cluster(server="https://far?x=1"), "cluster 'far': server 'https://far?x=1' is no https:// URL"),
    (
        cluster(server="https://me:s3cret@far"),
        "cluster 'far': server has a user in its URL; put username and password under `users`",
    ),
    (cluster(server="http://far:8080"), "cluster 'far': credentials are not sent over http to far"),
    (cluster(server="http://10.0.0.1:8080"), "cluster 'far': credentials are not sent over http to 10.0.0.1"),
    (cluster(certificate_authority_data="s3cret!"), "cluster 'far': certificate-authority-data: not base64"),
    (cluster(certificate_authority_data=base64(b"s3cret")), "cluster 'far': no certificates in PEM"),
    (cluster(certificate_authority="absent"), "cluster 'far': certificate-authority absent: No such file or directory"),
    (
        cluster(certificate_authority="~nobody-here/x"),
        "cluster 'far': certificate-authority ~nobody-here/x: No such file or directory",
    ),
    (cluster(certificate_authority="a\0b"), r"'a\x00b' is no path"),
    (user(tokenFile="a\0b"), r"'a\x00b' is no path"),
    (cluster(certificate_authority="empty"), "cluster 'far': no certificates in PEM"),
    (cluster(proxy_url="socks5://me:s3cret@proxy:1080"), NO_PROXY_URL),
    (cluster(proxy_url="http://me:s3cret@proxy:port"), NO_PROXY_URL),
    (user(client_certificate_data=CERTIFICATE), "user 'me': client-certificate and client-key belong together"),
    (user(client_key_data=KEY, token="s3cret"), "user 'me': client-certificate and client-key belong together"),
    (user(client_certificate_data="x", client_key_data=KEY), "user 'me': client-certificate-data: not base64"),
    (user(client_certificate="empty", client_key="absent"), "user 'me': client-key absent: No such file or directory"),
    (user(client_certificate="empty", client_key="empty"), NO_PAIR + "not pem, or the key is encrypted"),
    (user(client_certificate_data=CERTIFICATE, client_key_data=ENCRYPTED), NO_PAIR + "not pem, or the key is encrypted"),
    (
        user(client_certificate_data=CERTIFICATE, client_key_data=base64(AUTHORITY.client("other")[1])),
        NO_PAIR + "key values mismatch",
    ),
    (
        user(auth_provider={"name": "gcp", "config": {"access-token": "s3cret"}}),
        "user 'me': auth-provider is no longer part of Kubernetes; "
        "use an exec plug-in such as gke-gcloud-auth-plugin or kubelogin",
    ),
    (user(exec=EXEC | {"apiVersion": "client.authentication.k8s.io/v1alpha1"}), NO_EXEC),
    (user(exec=EXEC | {"command": ""}), NO_EXEC),
    (user(exec="aws"), NO_EXEC),
    (user(exec=EXEC | {"args": "--secret s3cret"}), NO_LISTS),
    (user(exec=EXEC | {"env": {"PASSWORD": "s3cret"}}), NO_LISTS),
    (user(exec=EXEC | {"env": [{"name": "PASSWORD", "valueFrom": "s3cret"}]}), NO_LISTS),
]


@pytest.mark.parametrize(("broken", "words"), BROKEN, ids=[words[:60] for _, words in BROKEN])
def test_broken_kubeconfig(broken: Part, words: str, tmp_path: Path) -> None:
    """Whatever is wrong in a kubeconfig is told at once, with file and place, and without a secret."""
    (tmp_path / "empty").touch()
    path = written(tmp_path / "config", CLUSTER, {"token": "s3cret"}, **broken)

    with pytest.raises(ConfigError) as told:
        Kubeconfig(path).credentials(None)

    assert str(told.value) == f"kubeconfig {path}: {words}"
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xff\x00"), "not YAML"),
        (lambda path: path.write_text("token: [s3cret"), "not YAML"),
        (lambda path: path.write_text("users: 2001-99-99"), "not YAML"),
        (lambda path: path.write_text("[" * 700), "not YAML"),
        (lambda path: path.write_text("a: !!python/name:os.system s3cret"), "not YAML"),
        (lambda path: path.write_text("s3cret"), "no kubeconfig"),
        (lambda path: path.touch(), "no kubeconfig"),
    ],
)
def test_no_kubeconfig(make: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    """What is no kubeconfig at all is said to be none, without what is in it."""
    path = tmp_path / "config"
    make(path)

    with pytest.raises(ConfigError) as told:
        Kubeconfig(path)

    assert str(told.value) == f"kubeconfig {path}: {words}"


KEYS = st.sampled_from(
    [
        *("name", "cluster", "user", "context", "server", "tls-server-name", "proxy-url", "certificate-authority", "extensions"),
        *("token", "tokenFile", "username", "password", "client-certificate", "client-key", "client-key-data"),
        *("exec", "apiVersion", "command", "args", "env", "value", "installHint"),
    ]
)
WORDS = st.sampled_from(["far", "me", "one", "https://far", "http://[", "~x/", "client.authentication.k8s.io/v1", "YQ==", "\0"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["current-context", "contexts", "clusters", "users"]), ANYTHING), ANYTHING, ANYTHING)
@example({}, {"certificate-authority": "\0"}, None)
@example({}, {"server": "http://["}, {"tokenFile": "\0"})
def test_any_kubeconfig(tmp_path_factory: pytest.TempPathFactory, more: Part, cluster: object, user: object) -> None:
    """Whatever stands in a kubeconfig, it gives credentials or is refused with words."""
    path = tmp_path_factory.getbasetemp() / "any-kubeconfig"
    part = {"server": "https://far"} | (cluster if isinstance(cluster, dict) else {})
    written(path, part, user, **more)

    try:
        found: object = Kubeconfig(path).credentials(None)
    except ConfigError as error:
        found = str(error)

    assert isinstance(found, Credentials) or str(found).startswith(f"kubeconfig {path}: ")


def test_tls_contexts_check_by_default(tmp_path: Path) -> None:
    """Unless told otherwise, certificates and names are checked."""
    tls = Kubeconfig(written(tmp_path / "config", CLUSTER, None)).credentials(None).tls(None)

    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
