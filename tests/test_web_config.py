"""`--web.config.file` as a whole: every mistake told, headers, the rate limit, and protection that no bad file takes away."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from quota_exporter.errors import ConfigError
from quota_exporter.web.config_file import RateLimit
from quota_exporter.web.protection import Bucket, Protection
from tests.conftest import needs
from tests.protected import AUTHORITY, HASH, TLS, USER, basic, comes_in, get, serving, trusting, with_certificates, written

FOLDER = Path(__file__).parent / "configs" / "web"
BAD = sorted(FOLDER.glob("*.bad.yaml"))
GOOD = sorted(FOLDER.glob("*.ok.yaml"))
PATHS = ("/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/api/v1/quotas", "/api/v1/targets", "/nothing")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with certificates."""
    return with_certificates(tmp_path)


def mistakes(path: Path) -> str:
    """What is told of a file, with bare names."""
    with pytest.raises(ConfigError) as told:
        Protection(path)
    return str(told.value).replace(f"{path.parent}/", "").replace(str(path.parent), ".")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_bad(path: Path, folder: Path) -> None:
    """A bad file is told with exactly these words; no secret is among them."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())

    found = mistakes(copy)

    assert found == path.with_suffix(".txt").read_text().rstrip("\n")
    assert "s3cret" not in found


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_good(path: Path, folder: Path) -> None:
    """A good file is read."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())

    assert (Protection(copy).tls is None) == (path.name in ("empty.ok.yaml", "users.ok.yaml"))


@needs("promtool")
@pytest.mark.parametrize("path", [path for path in GOOD if path.name != "newer.ok.yaml"], ids=lambda path: path.name)
def test_promtool_agrees(path: Path, folder: Path) -> None:
    """What is good here is good for Prometheus's own tool."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())

    checked = subprocess.run(["promtool", "check", "web-config", copy], capture_output=True, text=True, check=False)

    assert checked.stderr.endswith("SUCCESS\n")


async def test_headers(folder: Path) -> None:
    """Every answer has the headers, also one that refuses."""
    path = written(folder, (FOLDER / "full.ok.yaml").read_text().replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"))

    async with serving(path) as url:
        refused = await get(f"{url}/metrics", trusting())
        found = [await get(url + path, trusting(), basic("alice", "correct horse")) for path in PATHS]

    assert [status for status, _ in [refused, *found]] == [401, 200, 200, 200, 200, 405, 200, 200, 404]
    for _, headers in [refused, *found]:
        assert headers["Content-Security-Policy"] == "default-src 'self'"
        assert headers["X-Frame-Options"] == "deny"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-XSS-Protection"] == "0"
        assert headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "basic_auth_users: {alice: s3cret}",
        "basic_auth_users: {}",
        "basic_auth_users: {alice: [",
        f"{TLS}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}}",
        f"{TLS}}}\n{USER}",
        USER,
    ],
    ids=["removed", "emptied", "no hash", "no users", "half written", "users gone", "clients gone", "TLS gone"],
)
async def test_never_unprotected(text: str | None, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens to the file, what it protected stays protected; that is logged one time, without secrets."""
    policy = ", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}"
    path = written(folder, f"{TLS}{policy}\n{USER}")
    tls = trusting()
    AUTHORITY.issue_cert("a.example").configure_cert(tls)

    async with serving(path) as url:
        path.unlink() if text is None else path.write_text(text)
        stranger = [await comes_in(url, trusting(), None) for _ in range(2)]
        unknown = await get(url, tls)
        known = await get(url, tls, basic("alice", "correct horse"))

    assert (stranger, unknown[0], known[0]) == ([False, False], 401, 200)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "s3cret" not in caplog.text
    assert HASH not in caplog.text


async def test_tls_is_not_switched_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A listener that began without TLS stays so, and says that it needs a restart."""
    path = written(folder, "")

    async with serving(path) as url:
        path.write_text(TLS + "}")
        found = await get(url)

    assert found[0] == 200
    assert "TLS can be switched on or off only by a restart" in caplog.text


def test_rate_limit() -> None:
    """A burst is answered, then one more request for each interval; a pause earns a burst at most."""
    times = iter([0, 0, 0, 0.05, 0.1, 0.15, 9, 9, 9])
    bucket = Bucket(lambda: next(times))

    found = [bucket.takes(RateLimit(interval="100ms", burst=2)) for _ in range(9)]

    assert found == [True, True, False, False, True, False, True, True, False]


async def test_rate_limited(tmp_path: Path) -> None:
    """What is over the limit is answered with 429, before any password is looked at; no limit is none."""
    path = written(tmp_path, f"rate_limit: {{interval: 1h, burst: 2}}\n{USER}")
    seconds = count()

    async with serving(path, lambda: float(next(seconds))) as url:
        limited = [(await get(url))[0] for _ in range(4)]
        path.write_text(f"rate_limit: {{interval: 0, burst: 2}}\n{USER}")
        free = [(await get(url))[0] for _ in range(4)]

    assert (limited, free) == ([401, 401, 429, 429], [401] * 4)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "TLS is disabled; no users"),
        (USER, "TLS is disabled; 1 user, whose passwords travel in the clear"),
        (TLS + "}", "TLS is enabled, TLS12 to TLS13, NoClientCert; no users"),
    ],
)
def test_told(text: str, line: str, folder: Path) -> None:
    """What protects is told in a line."""
    assert str(Protection(written(folder, text))) == line


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[Any]:
    """The whole program, running; ended in any case."""
    command = (sys.executable, "-m", "quota_exporter", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_command(folder: Path) -> None:
    """The flag works for the whole program: it says https, and so it is; no hash is logged."""
    path = written(folder, f"{TLS}}}\n{USER}")
    flags = ("--web.listen-address", "127.0.0.1:0", "--web.config.file", str(path))
    async with program("demo", *flags) as process:
        told = (await process.stdout.readuntil(b"/metrics")).decode()
        found = await get(re.findall(r"https://[\d.:]+", told)[0], trusting(), basic("alice", "correct horse"))
        process.send_signal(signal.SIGTERM)
        _, logged = await process.communicate()

    assert (found[0], process.returncode) == (200, 0)
    assert b"TLS is enabled, TLS12 to TLS13, NoClientCert; 1 user\n" in logged
    assert HASH.encode() not in logged


def python(script: str, *args: object) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_without_bcrypt(tmp_path: Path) -> None:
    """Users without the library that checks them are told how to install it; without users it is not needed."""
    script = """
import sys, pathlib
sys.modules["bcrypt"] = None
from quota_exporter.errors import ConfigError
from quota_exporter.web.protection import Protection
try:
    print(Protection(pathlib.Path(sys.argv[1])))
except ConfigError as error:
    print(error)
"""
    users, nobody = tmp_path / "users.yaml", tmp_path / "nobody.yaml"
    users.write_text(USER)
    nobody.write_text("http_server_config: {http2: false}")

    words = "basic_auth_users: needs a library that is not installed: pip install 'quota-exporter[auth]'"
    assert python(script, users) == f"{users}:1: {words}\n"
    assert python(script, nobody) == "TLS is disabled; no users\n"


def test_costs_nothing_unless_used() -> None:
    """Without the flag, nothing of this is imported."""
    script = (
        "import sys, quota_exporter.cli.main; print([name for name in sys.modules if 'protection' in name or 'bcrypt' in name])"
    )

    assert python(script) == "[]\n"
