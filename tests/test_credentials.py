"""Where credentials come from when nobody names them, several clusters at a time, and that no secret is ever shown."""

import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quota_exporter.cli.exporter import Exporter
from quota_exporter.config import Config, from_environment
from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.demo.tls import Authority
from quota_exporter.errors import ConfigError, ExpiredCredentials
from quota_exporter.providers.kubernetes.auth import in_cluster
from quota_exporter.providers.kubernetes.kubeconfig import Kubeconfig
from tests.clusters import Part, asked, base64, opened, uid, written

AUTHORITY = Authority()
POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
SECRET = "s3cret-token"
FAR = {"server": "https://far"}
CERTIFICATE, KEY = (base64(pem) for pem in AUTHORITY.client("me"))
PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "command": "absent-program", "args": [SECRET]}


@pytest.fixture
async def exporter() -> AsyncIterator[Exporter]:
    """An exporter without a web, that asks once."""
    made = Exporter(None)
    made.budget.attempts = 1
    yield made
    await made.plan.close()


def mounted(folder: Path, ca: bytes, token: str = SECRET) -> Path:
    """A folder as kubelet mounts it for a service account."""
    (folder / "ca.crt").write_bytes(ca)
    (folder / "token").write_text(token)
    return folder


def pod(server: Apiserver) -> dict[str, str]:
    """The environment of a pod in a cluster."""
    host, port = server.url.removeprefix("https://").split(":")
    return {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}


async def test_in_cluster(tmp_path: Path) -> None:
    """In a pod, the mounted token and authority lead into the pod's own cluster."""
    async with Apiserver() as server:
        mounted(tmp_path, server.authority.pem, server.token + "\n")

        found = await asked(in_cluster(pod(server), tmp_path))

    assert found == server.uid


async def test_token_is_read_each_minute(tmp_path: Path) -> None:
    """A projected token is read again every minute: the old one is still good then, so that no call ever fails."""
    now = [1000.0]
    credentials = in_cluster(POD, mounted(tmp_path, AUTHORITY.pem, "old"), lambda: now[0])

    shown = [(await credentials.identity()).authorization]
    (tmp_path / "token").write_text("new")
    for seconds in (59.9, 0.1):
        now[0] += seconds
        shown.append((await credentials.identity()).authorization)

    assert shown == ["Bearer old", "Bearer old", "Bearer new"]


async def test_token_is_read_after_401(tmp_path: Path) -> None:
    """A token that is not accepted is read again at once, and the call made once more."""
    async with Apiserver() as server:
        mounted(tmp_path, server.authority.pem, server.token)
        async with opened(in_cluster(pod(server), tmp_path, lambda: 0.0)) as connection:
            await uid(connection)
            server.token = "rotated"
            (tmp_path / "token").write_text("rotated")

            found = await uid(connection)

    assert found == server.uid
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("host", "server"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443"), ("k8s", "https://k8s:443")]
)
def test_server_in_cluster(host: str, server: str, tmp_path: Path) -> None:
    """The server is the one that kubelet names; IPv6 addresses stand in brackets, and 443 is the port if none is named."""
    credentials = in_cluster({"KUBERNETES_SERVICE_HOST": host}, mounted(tmp_path, AUTHORITY.pem))

    assert credentials.server == server


@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "ca.crt", "token"])
def test_not_in_cluster(missing: str, tmp_path: Path) -> None:
    """Outside of a cluster, and without a mounted token, one message says what is needed and what to do."""
    mounted(tmp_path, AUTHORITY.pem)
    (tmp_path / missing).unlink(missing_ok=True)

    with pytest.raises(ConfigError) as told:
        in_cluster({key: value for key, value in POD.items() if key != missing}, tmp_path)

    assert str(told.value) == (
        f"kubernetes: not in a cluster (KUBERNETES_SERVICE_HOST, {tmp_path}/ca.crt and {tmp_path}/token are needed); "
        "give the entry a `kubeconfig`, or mount the service account's token"
    )


@pytest.mark.parametrize("ca", [b"", b"no PEM", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\n", AUTHORITY.client("a")[1]])
def test_no_authority_in_cluster(ca: bytes, tmp_path: Path) -> None:
    """A file without an authority is told at once; never is everybody's trusted in its place."""
    with pytest.raises(ConfigError) as told:
        in_cluster(POD, mounted(tmp_path, ca))

    assert str(told.value) == f"kubernetes: {tmp_path}/ca.crt: no certificates in PEM"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "the token file cannot be read: No such file or directory"),
        (b"", "the token file is empty"),
        (b"\n \n", "the token file is empty"),
        (b"s3cret\xff", "the token file cannot be read: not UTF-8"),
        (b"s3cret\nX-Injected: yes", "the token has line breaks or other characters in it that no header can have"),
        ("s3cret\u00e4".encode(), "the token has line breaks or other characters in it that no header can have"),
    ],
)
async def test_bad_token_file(token: bytes | None, words: str, tmp_path: Path) -> None:
    """A token file that is no good later on is expired credentials, told without what is in it; it recovers by itself."""
    async with Apiserver() as server:
        mounted(tmp_path, server.authority.pem)
        file = tmp_path / "token"
        now = [0.0]
        async with opened(in_cluster(pod(server), tmp_path, lambda: now[0])) as connection:
            file.unlink() if token is None else file.write_bytes(token)
            with pytest.raises(ExpiredCredentials) as told:
                await uid(connection)
            file.write_text(server.token)
            now[0] = 60.0

            found = await uid(connection)

    assert str(told.value) == words
    assert found == server.uid


@pytest.mark.parametrize(
    "user",
    [
        {"token": SECRET},
        {"username": "me", "password": SECRET},
        {"client-certificate-data": CERTIFICATE, "client-key-data": KEY},
        {"tokenFile": "token"},
        {"exec": PLUGIN | {"env": [{"name": "WORD", "value": SECRET}]}},
    ],
    ids=lambda user: next(iter(user)),
)
async def test_no_secrets_are_shown(user: Part, tmp_path: Path, exporter: Exporter, caplog: pytest.LogCaptureFixture) -> None:
    """No secret is in what stands for credentials, in an error or in the log, however a poll fails."""
    (tmp_path / "token").write_text(SECRET)
    proxy = {"proxy-url": f"http://me:{SECRET}@127.0.0.1:1"}
    async with Apiserver() as server:
        trusted = {"server": server.url, "certificate-authority-data": base64(server.authority.pem)}
        clusters = (trusted, trusted | proxy, {"server": server.url}, {"server": "https://127.0.0.1:1"})
        paths = [written(tmp_path / f"config-{number}", cluster, user) for number, cluster in enumerate(clusters)]
        entries = [{"name": path.name, "kubeconfig": str(path), "calls_per_second": 1000} for path in paths]

        await exporter.load(Config.model_validate({"kubernetes": entries}))
        await exporter.poller.once()
    errors = [error for entry in exporter.board.entries.values() for error in entry.errors]
    shown = f"{[Kubeconfig(path).credentials(None) for path in paths]} {errors} {[vars(e) for e in errors]} {caplog.text}"

    assert {error.reason for error in errors} <= {"denied", "expired_credentials", "unreachable"}
    assert len(errors) >= 4 * 6
    for secret in (SECRET, KEY, b64decode(KEY).decode()[40:80], base64(f"me:{SECRET}".encode())):
        assert secret not in shown


async def test_several_clusters(tmp_path: Path, exporter: Exporter) -> None:
    """Clusters in one process each have their own credentials and authority; one that is not trusted costs no other."""
    async with Apiserver(uid="uid-a") as one, Apiserver(uid="uid-b") as two, Apiserver(uid="uid-c") as strange:
        entries = []
        for name, server, ca in (("a", one, None), ("b", two, None), ("c", strange, one.authority.pem)):
            (tmp_path / name).mkdir()
            entries.append({"kubeconfig": str(server.kubeconfig(tmp_path / name, ca=ca)), "calls_per_second": 1000})

        await exporter.load(Config.model_validate({"kubernetes": entries}))
        await exporter.poller.once()

    assert {target.account for target in exporter.plan.targets()} == {"uid-a", "uid-b"}
    assert {job.target.account for job, entry in exporter.board.entries.items() if entry.errors} == {
        f"{tmp_path}/c/kubeconfig:current-context"
    }
    assert strange.requests == []


@pytest.mark.parametrize(
    ("files", "found"),
    [("", []), ("absent", []), ("absent:b", ["b"]), ("b:a", ["b"]), (":a:", ["a"]), ("home", ["home/.kube/config"])],
)
def test_environment(files: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a config, the first file of $KUBECONFIG that is there is polled, else ~/.kube/config, else nothing."""
    for name in ("a", "b"):
        written(tmp_path / name, FAR, None)
    if files == "home":
        (tmp_path / "home" / ".kube").mkdir(parents=True)
        written(tmp_path / "home" / ".kube" / "config", FAR, None)
        files = ""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", ":".join(str(tmp_path / name) if name else "" for name in files.split(":")))

    entries = [entry.label for provider, entry in from_environment().entries() if provider.name == "kubernetes"]

    assert entries == [f"{tmp_path}/{name}:current-context" for name in found]


def test_environment_of_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pod its own cluster is polled, whatever kubeconfig there is."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBECONFIG", "/somewhere")

    assert [entry.label for provider, entry in from_environment().entries() if provider.name == "kubernetes"] == ["in-cluster"]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "nothing to poll: no --config.file is given, and the environment offers no credentials"),
        ({"KUBECONFIG": "empty"}, "kubeconfig empty: no kubeconfig"),
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, "kubernetes: not in a cluster"),
    ],
)
def test_nothing_to_poll(environ: dict[str, str], words: str, tmp_path: Path) -> None:
    """In an environment without usable credentials, the exporter ends at once and says in one line what it looked for."""
    (tmp_path / "empty").touch()

    done = subprocess.run(
        [sys.executable, "-m", "quota_exporter", "once"],
        env={"HOME": str(tmp_path), **environ},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr
