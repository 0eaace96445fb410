"""What may stand in the file of `--web.config.file`: the format of Prometheus's exporter-toolkit.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from quota_exporter.settings import Seconds, Section
from quota_exporter.yaml_file import Mistake

SECRETS = ("basic_auth_users", "key")
"""Keys whose values are in no message."""

_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")


def _hash(text: str) -> str:
    if not _BCRYPT.fullmatch(text):
        raise ValueError("no bcrypt hash; make one with: htpasswd -nBC 10 '' | tr -d ':\\n'")
    return text


def _header(text: str) -> str:
    """One line, as a block of YAML may have several."""
    line = " ".join(text.split())
    if not (line.isascii() and line.isprintable()):
        raise ValueError("has characters that no header may have")
    return line


def _verified(name: Any) -> Any:
    if name in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
        # Python's ssl verifies each certificate that it asks for.
        raise ValueError("lets in certificates of any authority, which is not supported; use RequireAndVerifyClientCert")
    return name


BcryptHash = Annotated[str, AfterValidator(_hash)]
HeaderText = Annotated[str, AfterValidator(_header)]
Interval = Annotated[Seconds, BeforeValidator(lambda value: "0s" if value in (0, "0") else value)]
TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
ClientAuth = Annotated[
    Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"], BeforeValidator(_verified)
]


class WebSection(Section):
    """A part of the file; a known key with nothing or an empty text after it is as one that is not there."""

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: value for key, value in values.items() if key not in known or (value is not None and value != "")}


class TlsServer(WebSection):
    """Certificate, clients and cryptography; no TLS at all if no key is given."""

    cert: str = Field("", description="The certificate and those that lead to its authority, in PEM.")
    key: str = Field("", description="The private key, in PEM, not encrypted.")
    client_ca: str = Field("", description="Authorities of clients' certificates, in PEM.")
    cert_file: Path | None = Field(None, description="Instead of cert: a file with the same.")
    key_file: Path | None = Field(None, description="Instead of key: a file with the same.")
    client_ca_file: Path | None = Field(None, description="Instead of client_ca: a file with the same.")
    client_auth_type: ClientAuth = Field(
        "NoClientCert", description="Whether clients may (VerifyClientCertIfGiven) or must (RequireAndVerifyClientCert) show one."
    )
    client_allowed_sans: tuple[str, ...] | None = Field(
        None, description="Subject alternative names (DNS, IP, e-mail or URI) of which a client's certificate must have one."
    )
    min_version: TlsVersion = Field("TLS12", description="Least version of TLS.")
    max_version: TlsVersion = Field("TLS13", description="Greatest version of TLS.")
    cipher_suites: tuple[str, ...] = Field(
        (), description="Suites up to TLS 1.2 by Go's names; OpenSSL's own choice if not given."
    )
    prefer_server_cipher_suites: bool = Field(True, description="Whether the order of cipher_suites goes before the client's.")
    curve_preferences: tuple[str, ...] = Field((), description="The one curve of key exchanges: CurveP256, P384, P521 or X25519.")

    def files(self, folder: Path) -> dict[str, Path]:
        """Key and path of each file that is named; a relative one starts at the folder."""
        named = {name: getattr(self, name) for name in ("cert_file", "key_file", "client_ca_file")}
        return {name: folder / path for name, path in named.items() if path is not None}


class Headers(WebSection):
    """Headers of every answer."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    content_security_policy: HeaderText = Field("", alias="Content-Security-Policy", description="The header of that name.")
    x_frame_options: Literal["deny", "sameorigin"] | None = Field(None, alias="X-Frame-Options", description="Likewise.")
    x_content_type_options: Literal["nosniff"] | None = Field(None, alias="X-Content-Type-Options", description="Likewise.")
    x_xss_protection: HeaderText = Field("", alias="X-XSS-Protection", description="Likewise.")
    strict_transport_security: HeaderText = Field("", alias="Strict-Transport-Security", description="Likewise.")

    def given(self) -> dict[str, str]:
        """Those that are set."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class HttpServer(WebSection):
    """How HTTP is spoken."""

    http2: bool = Field(True, description="HTTP/1.1 is spoken in either case.")
    headers: Headers = Field(Headers(), description="Headers of every answer.")


class RateLimit(WebSection):
    """How many requests are answered."""

    interval: Interval = Field(0.0, ge=0, description="Time after which one more request is answered; 0 for no limit.")
    burst: int = Field(0, ge=0, description="Requests that are answered at once after a pause.")


class WebConfig(WebSection):
    """A checked file."""

    http_server_config: HttpServer = Field(HttpServer(), description="How HTTP is spoken.")
    rate_limit: RateLimit = Field(RateLimit(), description="How many requests are answered.")
    basic_auth_users: dict[str, BcryptHash] = Field({}, description="Users, and bcrypt hashes of their passwords.")
    tls_server_config: TlsServer = Field(TlsServer(), description="Certificate, clients and cryptography.")


def cross_checks(config: WebConfig) -> Iterator[Mistake]:
    """Mistakes outside TLS that no single value shows."""
    if config.rate_limit.interval and not config.rate_limit.burst:
        yield ("rate_limit", "burst"), "must be at least 1, or no request would ever be answered"
    for name in config.basic_auth_users:
        if ":" in name:
            yield ("basic_auth_users", name), "a user's name cannot have a colon"
    if config.basic_auth_users and importlib.util.find_spec("bcrypt") is None:
        yield ("basic_auth_users",), "needs a library that is not installed: pip install 'quota-exporter[auth]'"
