"""TLS as a web configuration file wants it, with what Python's ssl can do; what it cannot is a mistake, never left out."""

import ipaddress
import os
import ssl
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from quota_exporter.web.config_file import TlsServer
from quota_exporter.yaml_file import Mistake, meant

SECTION = "tls_server_config"

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}

SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
"""Go's names of what its tls.CipherSuites gives up to TLS 1.2, and OpenSSL's."""

SUITES_OF_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Always offered, in Go as here; to name them changes nothing."""

CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}

CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


def fill(context: ssl.SSLContext, tls: TlsServer, folder: Path) -> Iterator[Mistake]:
    """Puts settings into a context.

    Args:
        context: A new one of a server.
        tls: The settings.
        folder: Where relative paths start.

    Yields:
        What cannot be done; the context is not to be used then.
    """
    for place, words in chain(
        _versions(context, tls),
        _suites(context, tls),
        _curve(context, tls),
        _certificate(context, tls, folder),
        _clients(context, tls, folder),
    ):
        yield (SECTION, *place), words


def _versions(context: ssl.SSLContext, tls: TlsServer) -> Iterator[Mistake]:
    if VERSIONS[tls.min_version] > VERSIONS[tls.max_version]:
        yield ("min_version",), f"is above max_version, which is {tls.max_version}"
        return
    lacking = [name for name in ("min_version", "max_version") if not getattr(ssl, f"HAS_{VERSIONS[getattr(tls, name)].name}")]
    yield from (((name,), "this OpenSSL does not have it") for name in lacking)
    with warnings.catch_warnings():
        # Python warns of versions before TLS 1.2; whoever writes them down was warned by others.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = VERSIONS[tls.min_version]
        context.maximum_version = VERSIONS[tls.max_version]


def _suites(context: ssl.SSLContext, tls: TlsServer) -> Iterator[Mistake]:
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    wanted = list(tls.cipher_suites)
    old = VERSIONS[tls.min_version] < ssl.TLSVersion.TLSv1_2
    known = (*SUITES, *SUITES_OF_TLS13)
    if unknown := [index for index, name in enumerate(wanted) if name not in known]:
        for index in unknown:
            yield ("cipher_suites", index), f"no such suite{meant(wanted[index], known) or '; there are ' + ', '.join(known)}"
        return
    names = [SUITES[name] for name in wanted or (SUITES if old else ()) if name in SUITES]
    if wanted and not names and tls.min_version != "TLS13":
        yield ("cipher_suites",), "none is for TLS 1.2, which min_version allows; name one, or set min_version: TLS13"
    if not names:
        return
    try:
        # TLS 1.0 and 1.1 sign with what OpenSSL has at its lowest level only.
        context.set_ciphers(":".join([*names, *["@SECLEVEL=0"] * old]))
    except ssl.SSLError:
        yield ("cipher_suites",), "this OpenSSL has none of them"
        return
    missing = set(names) - {cipher["name"] for cipher in context.get_ciphers()}
    for name in wanted:
        if SUITES.get(name) in missing:
            yield ("cipher_suites", wanted.index(name)), "this OpenSSL does not have it"


def _curve(context: ssl.SSLContext, tls: TlsServer) -> Iterator[Mistake]:
    unknown = [name for name in tls.curve_preferences if name not in CURVES]
    if unknown:
        yield ("curve_preferences", tls.curve_preferences.index(unknown[0])), f"no such curve; there are {', '.join(CURVES)}"
    elif len(tls.curve_preferences) > 1:
        yield ("curve_preferences",), "Python keeps to one curve or to OpenSSL's own order; name one, or leave this key out"
    elif tls.curve_preferences:
        try:
            context.set_ecdh_curve(CURVES[tls.curve_preferences[0]])
        except (ValueError, ssl.SSLError):
            yield ("curve_preferences", 0), "this OpenSSL does not have it"


def _certificate(context: ssl.SSLContext, tls: TlsServer, folder: Path) -> Iterator[Mistake]:
    mistakes = [*_pem(tls, folder, "cert", "CERTIFICATE-----"), *_pem(tls, folder, "key", "PRIVATE KEY-----")]
    if not mistakes:
        files = tls.files(folder)
        with _path(files.get("cert_file"), tls.cert) as cert, _path(files.get("key_file"), tls.key) as key:
            try:
                context.load_cert_chain(cert, key, password="")
            except ssl.SSLError as error:
                mistakes.append((_place(tls, "key"), _refused(error, "certificate or key")))
    yield from mistakes


def _pem(tls: TlsServer, folder: Path, name: str, mark: str) -> Iterator[Mistake]:
    """What is wrong with a text in PEM that is given under one of two keys."""
    file = f"{name}_file"
    place = _place(tls, name)
    if {name, file} <= tls.model_fields_set:
        yield (name,), f"stands beside {file}; give one of them"
    elif not {name, file} & tls.model_fields_set:
        yield (), f"{file} is missing (or {name}, with the text itself)"
    else:
        path = tls.files(folder).get(file)
        try:
            text = path.read_text("latin1") if path else str(getattr(tls, name))
        except OSError as error:
            yield place, f"{path} cannot be read: {error.strerror}"
            return
        if mark not in text:
            yield place, f"has no line with {mark.removesuffix('-----')}; it must be PEM"
        elif "ENCRYPTED" in text:
            yield place, "is encrypted; a passphrase cannot be given, so take it off: openssl pkey -in FILE -out FILE"


def _place(tls: TlsServer, name: str) -> tuple[str]:
    """The key under which a text in PEM is given."""
    return (f"{name}_file" if f"{name}_file" in tls.model_fields_set else name,)


def _refused(error: ssl.SSLError, what: str) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "is not the key of the certificate"
    # What Python says of broken PEM is hardly a word, and another one in each version.
    reason = "broken PEM" if not error.reason or "PEM" in error.reason else error.reason
    return f"OpenSSL does not take {what}: {reason}"


@contextmanager
def _path(file: Path | None, text: str) -> Iterator[Path]:
    """A path that OpenSSL can read; a text gets one for a moment, in memory where that can be, so that no key is on a disk."""
    if file is not None:
        yield file
    elif hasattr(os, "memfd_create"):
        with open(os.memfd_create("pem"), "w", encoding="utf-8") as memory:  # noqa: PTH123 - it has no path yet
            memory.write(text)
            memory.flush()
            yield Path(f"/proc/self/fd/{memory.fileno()}")
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pem"
            path.touch(0o600)
            path.write_text(text, encoding="utf-8")
            yield path


def _clients(context: ssl.SSLContext, tls: TlsServer, folder: Path) -> Iterator[Mistake]:
    verified = tls.client_auth_type != "NoClientCert"
    if verified:
        mistakes = list(_pem(tls, folder, "client_ca", "CERTIFICATE-----"))
        yield from mistakes or _trust(context, tls, folder)
    elif {"client_ca", "client_ca_file"} & tls.model_fields_set:
        yield _place(tls, "client_ca"), "is of no use without client_auth_type: RequireAndVerifyClientCert"
    if tls.client_allowed_sans is not None:
        if tls.client_auth_type != "RequireAndVerifyClientCert":
            yield ("client_allowed_sans",), "needs client_auth_type: RequireAndVerifyClientCert"
        if not tls.client_allowed_sans:
            yield ("client_allowed_sans",), "is empty, so nobody could connect; leave it out, or name somebody"
        context.sslobject_class = _allowing(frozenset(tls.client_allowed_sans))


def _trust(context: ssl.SSLContext, tls: TlsServer, folder: Path) -> Iterator[Mistake]:
    context.verify_mode = CLIENTS[tls.client_auth_type]
    # As in Go, each certificate in the file is trusted for itself, also one that another authority signed.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with _path(tls.files(folder).get("client_ca_file"), tls.client_ca) as path:
        try:
            context.load_verify_locations(path)
        except ssl.SSLError as error:
            yield _place(tls, "client_ca"), _refused(error, "the authorities")


def _allowing(sans: frozenset[str]) -> type[ssl.SSLObject]:
    """The kind of connection whose handshake fails unless the client's certificate has one of these names."""

    class Allowing(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            if sans.isdisjoint(_sans(self.getpeercert() or {})):
                raise ssl.SSLCertVerificationError("client_allowed_sans has none of the certificate's names")

    return Allowing


def _sans(certificate: Mapping[str, Any]) -> Iterator[str]:
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "IP Address":
            yield str(ipaddress.ip_address(value))
        elif kind in ("DNS", "email", "URI"):
            yield value
