"""TLS of `--web.config.file`: real handshakes over loopback, with certificates that change while they are in use."""

import ssl
import warnings
from pathlib import Path

import pytest
import trustme

from tests.protected import AUTHORITY, TLS, comes_in, connected, serving, trusting, with_certificates, write_certificate, written

RIGHT, FOREIGN, NONE = "right", "foreign", "none"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with certificates."""
    return with_certificates(tmp_path)


async def test_inline(folder: Path) -> None:
    """Certificate, key and authority may stand in the file itself."""
    lines = ["tls_server_config:", "  client_auth_type: VerifyClientCertIfGiven"]
    for key, name in (("cert", "cert.pem"), ("key", "key.pem"), ("client_ca", "ca.pem")):
        lines += [f"  {key}: |", *(f"    {line}" for line in (folder / name).read_text().splitlines())]

    async with serving(written(folder, "\n".join(lines))) as url:
        agreed = await connected(url, trusting())

    assert agreed["certificate"] == ssl.PEM_cert_to_DER_cert((folder / "cert.pem").read_text())


async def test_rotated(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new certificate is used by the next connection; between its two writes the old one still is, logged one time."""
    caplog.set_level("INFO")
    path = written(folder, TLS + "}")
    old_key = (folder / "key.pem").read_bytes()

    async with serving(path) as url:
        before = await connected(url, trusting())
        write_certificate(folder)
        new_key = (folder / "key.pem").read_bytes()
        (folder / "key.pem").write_bytes(old_key)
        between = [await connected(url, trusting()) for _ in range(3)]
        (folder / "key.pem").write_bytes(new_key)
        after = await connected(url, trusting())

    assert before == between[0] == between[1] == between[2]
    assert after["certificate"] == ssl.PEM_cert_to_DER_cert((folder / "cert.pem").read_text()) != before["certificate"]
    assert [message.partition(" ")[2].partition(":")[0] for message in caplog.messages if "web.yaml" in message] == [
        "was not read again, what it said before still holds",
        "was read again",
    ]


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        ("", {RIGHT, FOREIGN, NONE}),
        (", client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven", {RIGHT, NONE}),
        (", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert", {RIGHT}),
    ],
    ids=["not asked for", "optional", "required"],
)
async def test_client_certificates(policy: str, admitted: set[str], folder: Path) -> None:
    """Clients come in with the certificates that the file wants, and nobody else does."""
    clients = {
        RIGHT: AUTHORITY.issue_cert("prometheus.example"),
        FOREIGN: trustme.CA().issue_cert("prometheus.example"),
        NONE: None,
    }

    found = set()
    async with serving(written(folder, TLS + policy + "}")) as url:
        for name, certificate in clients.items():
            if await comes_in(url, trusting(), certificate):
                found.add(name)

    assert found == admitted


@pytest.mark.parametrize(
    ("names", "admitted"),
    [
        (["prometheus.example"], True),
        (["other.example", "10.0.0.7"], True),
        (["2001:db8::7"], True),
        (["monitoring@example.org"], True),
        (["other.example", "10.0.0.8", "x.prometheus.example"], False),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_allowed_names(names: list[str], admitted: bool, version: ssl.TLSVersion, folder: Path) -> None:
    """Of a client's certificate that is right, one name must be allowed."""
    sans = "[prometheus.example, 10.0.0.7, '2001:db8::7', monitoring@example.org]"
    policy = f", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: {sans}}}"
    tls = trusting()
    tls.maximum_version = version

    async with serving(written(folder, TLS + policy)) as url:
        found = await comes_in(url, tls, AUTHORITY.issue_cert(*names))

    assert found is admitted


async def test_intermediate_authority(folder: Path) -> None:
    """An authority that another one signed may be trusted alone, as in Go."""
    between = AUTHORITY.create_child_ca()
    (folder / "ca.pem").write_bytes(between.cert_pem.bytes())
    policy = ", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}"

    async with serving(written(folder, TLS + policy)) as url:
        below = await comes_in(url, trusting(), between.issue_cert("a.example"))
        beside = await comes_in(url, trusting(), AUTHORITY.issue_cert("a.example"))

    assert (below, beside) == (True, False)


def speaking(version: str, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    """A client that speaks one version of TLS only."""
    tls = trusting()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion[version]
    tls.set_ciphers(ciphers)
    return tls


@pytest.mark.parametrize(
    ("versions", "agreed"),
    [
        ("", {"TLSv1_2", "TLSv1_3"}),
        (", min_version: TLS13", {"TLSv1_3"}),
        (", max_version: TLS12", {"TLSv1_2"}),
        pytest.param(
            ", min_version: TLS10, max_version: TLS11",
            {"TLSv1", "TLSv1_1"},
            marks=pytest.mark.skipif(not (ssl.HAS_TLSv1 and ssl.HAS_TLSv1_1), reason="OpenSSL without TLS 1.0 and 1.1"),
        ),
    ],
)
async def test_versions(versions: str, agreed: set[str], folder: Path) -> None:
    """No version is spoken but those that the file allows; TLS 1.2 and 1.3 if it does not say."""
    found = set()

    async with serving(written(folder, TLS + versions + "}")) as url:
        for version in ("TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"):
            try:
                await connected(url, speaking(version))
            except (ssl.SSLError, ConnectionError):
                continue
            found.add(version)

    assert found == agreed


@pytest.mark.parametrize(
    ("order", "agreed"),
    [
        ("", "ECDHE-ECDSA-AES256-SHA"),
        (", prefer_server_cipher_suites: false", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ],
)
async def test_suites(order: str, agreed: str, folder: Path) -> None:
    """The suites of the file are offered, in its order or in the client's."""
    suites = ", cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"
    client = speaking("TLSv1_2", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA")

    async with serving(written(folder, TLS + suites + order + "}")) as url:
        found = await connected(url, client)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await connected(url, speaking("TLSv1_2", "ECDHE-ECDSA-CHACHA20-POLY1305"))

    assert found["cipher"] == agreed


@pytest.mark.parametrize(("name", "curve"), [("CurveP256", "prime256v1"), ("CurveP384", "secp384r1"), ("X25519", "X25519")])
async def test_curve(name: str, curve: str, folder: Path) -> None:
    """A curve of the file is the only one of key exchanges."""
    same, other = trusting(), trusting()
    same.set_ecdh_curve(curve)
    other.set_ecdh_curve("secp521r1")

    async with serving(written(folder, f"{TLS}, curve_preferences: [{name}]}}")) as url:
        assert (await connected(url, same))["version"] == "TLSv1.3"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await connected(url, other)
