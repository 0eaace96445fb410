"""Credentials from a program, as EKS, GKE and AKS have them: real programs, and servers that see what comes of them."""

import asyncio
import json
import sys
from dataclasses import asdict
from itertools import count
from pathlib import Path

import psutil
import pytest

from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.demo.tls import Authority
from quota_exporter.errors import ExpiredCredentials, TimedOut
from quota_exporter.providers.kubernetes.auth import Credentials
from quota_exporter.providers.kubernetes.exec_plugin import ExecPlugin
from quota_exporter.providers.kubernetes.kubeconfig import Kubeconfig
from tests.clusters import Mirror, Part, asked, base64, opened, uid, written
from tests.conftest import FakeTimeLoop

V1 = "client.authentication.k8s.io/v1"
SCRIPT = f"""#!{sys.executable} -IS
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
with (here / "runs").open("a", 1 << 20) as runs:
    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=runs)
sys.stderr.write((here / "stderr").read_text())
sys.stdout.write((here / "stdout").read_text())
sys.stdout.flush()
time.sleep(float((here / "pause").read_text()))
sys.exit(int((here / "code").read_text()))
"""
END = "2026-01-01T00:10:00Z"
END_SECONDS = 1767226200.0


class Plugin:
    """A program that prints what it is told to, and notes how it was run.

    Attributes:
        path: Where it is.
    """

    def __init__(self, folder: Path):
        self.folder = folder / "bin"
        self.folder.mkdir()
        self.path = self.folder / "get-token"
        self.path.write_text(SCRIPT)
        self.path.chmod(0o700)
        self.does("")

    def prints(self, **status: object) -> None:
        """From now on prints a credential."""
        self.does(json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": status}))

    def does(self, stdout: str, *, stderr: str = "", code: int = 0, pause: float = 0) -> None:
        """From now on prints this, waits for some seconds and ends with this code."""
        for name, text in (("stdout", stdout), ("stderr", stderr), ("code", str(code)), ("pause", str(pause))):
            (self.folder / name).write_text(text)

    @property
    def runs(self) -> list[tuple[list[str], dict[str, str]]]:
        """Arguments and environment of each run so far."""
        noted = self.folder / "runs"
        return [(args, environ) for args, environ in map(json.loads, noted.read_text().splitlines())] if noted.exists() else []

    def exec(self, **more: object) -> Part:
        """The user of a kubeconfig that runs it."""
        return {"exec": {"apiVersion": V1, "command": str(self.path), "interactiveMode": "Never"} | more}

    def alone(self, clock: float = 0.0) -> ExecPlugin:
        """The login it is, without a cluster."""
        return ExecPlugin((str(self.path),), {}, {}, clock=lambda: clock)


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """A program that prints nothing yet."""
    return Plugin(tmp_path)


def login(credentials: Credentials) -> ExecPlugin:
    """The exec plug-in that credentials come from."""
    assert isinstance(credentials.login, ExecPlugin)
    return credentials.login


async def test_token(plugin: Plugin, tmp_path: Path) -> None:
    """The program's token leads into the cluster; without an end it is good for all further calls."""
    async with Apiserver() as server:
        plugin.prints(token=server.token)
        async with opened(Kubeconfig(server.kubeconfig(tmp_path, **plugin.exec())).credentials(None)) as connection:
            found = [await uid(connection) for _ in range(3)]

    assert found == [server.uid] * 3
    assert len(plugin.runs) == 1


async def test_callers_share_a_run(plugin: Plugin) -> None:
    """Many callers at the same time wait for one and the same run."""
    plugin.prints(token="t")
    alone = plugin.alone()

    found = await asyncio.gather(*(alone.identity() for _ in range(20)))

    assert [identity.authorization for identity in found] == ["Bearer t"] * 20
    assert len(plugin.runs) == 1


async def test_renewed_before_it_ends(plugin: Plugin) -> None:
    """A credential is fetched anew half a minute before its end, and not earlier."""
    now = [0.0]
    alone = plugin.alone()
    alone.clock = lambda: now[0]
    plugin.prints(token="old", expirationTimestamp=END)
    await alone.identity()
    plugin.prints(token="new", expirationTimestamp="2026-01-01T01:00:00+01:00")

    shown = []
    for before_end in (30.5, 30.0):
        now[0] = END_SECONDS - before_end
        shown.append((await alone.identity()).authorization)

    assert shown == ["Bearer old", "Bearer new"]
    assert len(plugin.runs) == 2


async def test_certificate(plugin: Plugin, tmp_path: Path) -> None:
    """The program's certificate is shown to the server; once it ends, the next one is, on a new connection."""
    async with Mirror(client_certificates=True) as server:
        credentials = Kubeconfig(written(tmp_path / "config", server.cluster, plugin.exec())).credentials(None)
        found = []
        async with opened(credentials) as connection:
            for name, now in (("one", 0.0), ("unused", 1.0), ("two", END_SECONDS)):
                certificate, key = (pem.decode() for pem in server.authority.client(name))
                plugin.prints(clientCertificateData=certificate, clientKeyData=key, expirationTimestamp=END, token="t")
                login(credentials).clock = lambda now=now: now  # type: ignore[misc]
                found.append(await uid(connection))

    assert found == ["one + Bearer t", "one + Bearer t", "two + Bearer t"]
    assert len(plugin.runs) == 2


async def test_renewed_after_401(plugin: Plugin, tmp_path: Path) -> None:
    """When a token is not accepted before its time, the program is run once more, however many calls were refused."""
    async with Apiserver() as server:
        plugin.prints(token=server.token)
        async with opened(Kubeconfig(server.kubeconfig(tmp_path, **plugin.exec())).credentials(None)) as connection:
            await uid(connection)
            server.token = "revoked-and-replaced"
            plugin.prints(token=server.token)

            found = await asyncio.gather(*(uid(connection) for _ in range(6)))

    assert found == [server.uid] * 6
    assert len(plugin.runs) == 2


async def test_late_refusal(plugin: Plugin) -> None:
    """A call that was refused with a credential that is already replaced does not cost the new one."""
    alone = plugin.alone()
    plugin.prints(token="old")
    old = await alone.identity()
    alone.renew(old)
    plugin.prints(token="new")
    await alone.identity()

    alone.renew(old)

    assert (await alone.identity()).authorization == "Bearer new"
    assert len(plugin.runs) == 2


async def test_never_accepted(plugin: Plugin, tmp_path: Path) -> None:
    """A token that is refused again after the program was run anew is told as such, without the token."""
    plugin.prints(token="s3cret")
    async with Apiserver() as server:
        with pytest.raises(ExpiredCredentials) as told:
            await asked(server.kubeconfig(tmp_path, **plugin.exec()))

    assert str(told.value).startswith("not accepted: ")
    assert "s3cret" not in str(told.value)
    assert len(server.requests) == len(plugin.runs) == 2


@pytest.mark.parametrize("version", [V1, "client.authentication.k8s.io/v1beta1"])
async def test_how_it_is_run(version: str, plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program gets its arguments as they are, our environment with its own variables, and is told not to ask anybody."""
    monkeypatch.setenv("OURS", "kept")
    monkeypatch.setenv("WORD", "replaced")
    plugin.prints(token="t")
    env = [{"name": "WORD", "value": "of the kubeconfig"}, {"name": "NUMBER", "value": 5}]
    user = plugin.exec(apiVersion=version, args=["eks", "--name=$HOME; ls", 7], env=env)

    await Kubeconfig(written(tmp_path / "config", {"server": "https://far"}, user)).credentials(None).identity()
    ((args, environ),) = plugin.runs

    assert args == ["eks", "--name=$HOME; ls", "7"]
    assert (environ["OURS"], environ["WORD"], environ["NUMBER"]) == ("kept", "of the kubeconfig", "5")
    assert json.loads(environ["KUBERNETES_EXEC_INFO"]) == {
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


async def test_cluster_is_told(plugin: Plugin, tmp_path: Path) -> None:
    """With `provideClusterInfo` the program is told of the cluster: the authority as bytes, and its own extension."""
    plugin.prints(token="t")
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    config = {"audience": "prod"}
    cluster = {
        "server": "https://far",
        "certificate-authority": "ca.crt",
        "tls-server-name": "near",
        "extensions": [{"name": "other", "extension": 1}, {"name": "client.authentication.k8s.io/exec", "extension": config}],
    }

    path = written(tmp_path / "config", cluster, plugin.exec(provideClusterInfo=True))
    await Kubeconfig(path).credentials(None).identity()

    assert json.loads(plugin.runs[0][1]["KUBERNETES_EXEC_INFO"])["spec"]["cluster"] == {
        "server": "https://far",
        "tls-server-name": "near",
        "certificate-authority-data": base64(authority.pem),
        "config": config,
    }


@pytest.mark.parametrize("command", ["bin/get-token", "./bin/get-token"])
async def test_beside_the_kubeconfig(command: str, plugin: Plugin, tmp_path: Path) -> None:
    """A command with a slash in it is relative to the kubeconfig."""
    plugin.prints(token="t")
    path = written(tmp_path / "config", {"server": "https://far"}, plugin.exec(command=command))

    identity = await Kubeconfig(path).credentials(None).identity()

    assert identity.authorization == "Bearer t"


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("", "ended with 3: no message"),
        ("Unable to locate credentials\nTraceback of s3cret\n", "ended with 3: Unable to locate credentials"),
        ("\n\n " + "long " * 100, "ended with 3: " + ("long " * 40)),
    ],
)
async def test_failure(stderr: str, words: str, plugin: Plugin, tmp_path: Path) -> None:
    """When the program fails, the first line of what it says is told, with its name; it is not run again for the same call."""
    plugin.does("s3cret", stderr=stderr, code=3)

    async with Apiserver() as server:
        with pytest.raises(ExpiredCredentials) as told:
            await asked(server.kubeconfig(tmp_path, **plugin.exec()))

    assert str(told.value) == words
    assert told.value.operation == str(plugin.path)
    assert server.requests == []
    assert len(plugin.runs) == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"installHint": "Install it with:\n  apt install x\n"},
            "cannot be run: No such file or directory; Install it with:\n  apt install x",
        ),
        ({}, "cannot be run: No such file or directory"),
        ({"env": [{"name": "A", "value": "s3cret\0"}]}, "cannot be run: embedded null byte"),
    ],
)
async def test_cannot_be_run(more: Part, words: str, plugin: Plugin, tmp_path: Path) -> None:
    """A program that is not installed is told, with the hint that the kubeconfig gives for this."""
    user = plugin.exec(command="no-such-program-here", **more)

    with pytest.raises(ExpiredCredentials) as told:
        await Kubeconfig(written(tmp_path / "config", {"server": "https://far"}, user)).credentials(None).identity()

    assert str(told.value) == words
    assert told.value.operation == "no-such-program-here"


NO_STATUS = "printed no ExecCredential with a status"
NEITHER = "gave neither a token nor a certificate with its key"


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("", NO_STATUS),
        ("s3cret", NO_STATUS),
        ('"s3cret"', NO_STATUS),
        ('["s3cret"]', NO_STATUS),
        ('{"token": "s3cret"}', NO_STATUS),
        ('{"status": "s3cret"}', NO_STATUS),
        ('{"status": null}', NO_STATUS),
        ("[" * 100_000, NO_STATUS),
        ('{"status": {"token": "s3cret", "expirationTimestamp": "tomorrow"}}', NO_STATUS),
        ('{"status": {"token": "s3cret", "expirationTimestamp": 5}}', NO_STATUS),
        ('{"status": {"clientCertificateData": 5, "clientKeyData": ["s3cret"]}}', NO_STATUS),
        ('{"status": {}}', NEITHER),
        ('{"status": {"clientKeyData": "s3cret"}}', NEITHER),
        (
            '{"status": {"token": "s3cret\\nX-Injected: 1"}}',
            "the token has line breaks or other characters in it that no header can have",
        ),
        (
            '{"status": {"clientCertificateData": "s3cret", "clientKeyData": "s3cret"}}',
            "the client certificate or its key cannot be used: not pem, or the key is encrypted",
        ),
    ],
    ids=count(),
)
async def test_rubbish(printed: str, words: str, plugin: Plugin, tmp_path: Path) -> None:
    """What is no credential is told as such; what was printed may be a secret, and is not shown."""
    plugin.does(printed)

    async with Apiserver() as server:
        with pytest.raises(ExpiredCredentials) as told:
            await asked(server.kubeconfig(tmp_path, **plugin.exec()))

    assert str(told.value) == words
    assert "s3cret" not in f"{vars(told.value)} {told.value.__cause__!r}"


async def test_recovers(plugin: Plugin) -> None:
    """After a failure the program is run again for the next caller."""
    alone = plugin.alone()
    plugin.does("", code=1)
    with pytest.raises(ExpiredCredentials):
        await alone.identity()
    plugin.prints(token="t")

    identity = await alone.identity()

    assert identity.authorization == "Bearer t"


def running(plugin: Plugin) -> list[psutil.Process]:
    """Runs that have not ended."""
    return [child for child in psutil.Process().children() if child.is_running() and str(plugin.path) in child.cmdline()]


def test_hangs(plugin: Plugin, fake_time: FakeTimeLoop) -> None:
    """A program that does not end is ended after 20 seconds."""
    plugin.does("", pause=3600)

    with pytest.raises(TimedOut) as told:
        fake_time.run_until_complete(plugin.alone().identity())

    assert str(told.value) == "not done within 20 s"
    assert running(plugin) == []


async def test_cancelled(plugin: Plugin) -> None:
    """When nobody waits any more, the program is ended, and the next caller has a run of their own."""
    alone = plugin.alone()
    plugin.does("", pause=3600)
    task = asyncio.create_task(alone.identity())
    while not plugin.runs:  # noqa: ASYNC110 - it is another process that we wait for
        await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left = running(plugin)
    plugin.prints(token="t")

    assert left == []
    assert (await alone.identity()).authorization == "Bearer t"


async def test_nothing_secret_is_shown(plugin: Plugin) -> None:
    """Neither arguments nor variables nor what came of them are in what stands for the login."""
    plugin.prints(token="s3cret")
    alone = ExecPlugin((str(plugin.path), "--password=s3cret"), {"WORD": "s3cret"}, {"spec": {"config": "s3cret"}})

    identity = await alone.identity()

    assert asdict(identity)["authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(alone) + repr(identity)
