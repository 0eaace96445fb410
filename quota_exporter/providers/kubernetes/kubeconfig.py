"""Credentials from a kubeconfig.

https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
import ssl
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from quota_exporter.errors import ConfigError
from quota_exporter.providers.kubernetes import auth
from quota_exporter.providers.kubernetes.auth import Credentials, Identity, Login, TokenFile, Written
from quota_exporter.providers.kubernetes.exec_plugin import ExecPlugin
from quota_exporter.proxies import proxy_url

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
EXTENSION = "client.authentication.k8s.io/exec"
TOLD = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "disable-compression")
"""What an exec plug-in is told of a cluster as it stands in the kubeconfig; the authority comes beside, always as bytes."""

Part = dict[str, Any]


class Kubeconfig:
    """A kubeconfig file.

    Raises:
        ConfigError: It cannot be read.
    """

    def __init__(self, path: Path):
        self._path = path
        self._where = f"kubeconfig {path}"
        try:
            found = yaml.safe_load(auth.read(path, self._where))
        except (yaml.YAMLError, ValueError, RecursionError):
            raise ConfigError(f"{self._where}: not YAML") from None
        if not isinstance(found, dict):
            raise ConfigError(f"{self._where}: no kubeconfig")
        self._found = found

    def credentials(self, context: str | None) -> Credentials:
        """The credentials of a context; of the current one where none is named.

        Raises:
            ConfigError: The context, or what it refers to, is not there or cannot be used.
        """
        name = context or self._found.get("current-context")
        if not name:
            raise ConfigError(f"{self._where}: has no current-context; give the entry a `context`")
        chosen = self._named("contexts", "context", str(name))
        cluster_name, user_name = str(chosen.get("cluster") or ""), str(chosen.get("user") or "")
        cluster = self._named("clusters", "cluster", cluster_name)
        user = self._named("users", "user", user_name) if user_name else {}
        where = f"{self._where}: cluster {cluster_name!r}"
        server_name, proxy = cluster.get("tls-server-name"), cluster.get("proxy-url")
        ca = self._bytes(cluster, "certificate-authority", where)
        return Credentials(
            _server(cluster, where, has_secrets=bool(user)),
            self._login(user, user_name, _told(cluster, ca)),
            auth.check_ca(ca, where) if ca is not None else None,
            # Only a plain `true` switches it off: "false" in quotes is not meant to.
            verify=cluster.get("insecure-skip-tls-verify") is not True,
            server_name=str(server_name) if server_name else None,
            proxy=proxy_url(str(proxy), f"{where}: proxy-url") if proxy else None,
        )

    def _named(self, kind: str, key: str, name: str) -> Part:
        found = self._found.get(kind)
        entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
        for entry in entries:
            # `user:` with nothing after it is a user without anything.
            part = entry.get(key) or {}
            if str(entry.get("name")) == name and isinstance(part, dict):
                return dict(part)
        known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
        raise ConfigError(f"{self._where}: no {key} {name!r} in `{kind}`; there are: {known}")

    def _login(self, user: Part, name: str, told: Part) -> Login:
        where = f"{self._where}: user {name!r}"
        if "auth-provider" in user:
            raise ConfigError(
                f"{where}: auth-provider is no longer part of Kubernetes; "
                "use an exec plug-in such as gke-gcloud-auth-plugin or kubelogin"
            )
        if "exec" in user:
            return self._plugin(user["exec"], told, where)
        identity = self._identity(user, where)
        if user.get("tokenFile") and not user.get("token"):
            return TokenFile(self._beside(user["tokenFile"]), identity.certificate)
        return Written(identity, lambda: self._again(name, where))

    def _again(self, name: str, where: str) -> Identity:
        """The identity of a user as the file has it now."""
        kubeconfig = Kubeconfig(self._path)
        return kubeconfig._identity(kubeconfig._named("users", "user", name), where)

    def _identity(self, user: Part, where: str) -> Identity:
        """Token or password, and certificate, as far as they are there."""
        certificate = self._bytes(user, "client-certificate", where)
        key = self._bytes(user, "client-key", where)
        if (certificate is None) != (key is None):
            raise ConfigError(f"{where}: client-certificate and client-key belong together")
        pair = (certificate, key) if certificate is not None and key is not None else None
        if pair is not None:
            try:
                auth.load_certificate(ssl.create_default_context(), pair)
            except ValueError as error:
                raise ConfigError(f"{where}: {error}") from None
        authorization = None
        if user.get("token"):
            authorization = f"Bearer {user['token']}"
        elif user.get("username"):
            words = f"{user['username']}:{user.get('password', '')}"
            authorization = f"Basic {base64.b64encode(words.encode()).decode()}"
        return Identity(authorization, pair)

    def _plugin(self, plugin: Any, told: Part, where: str) -> ExecPlugin:
        version = plugin.get("apiVersion") if isinstance(plugin, dict) else None
        if version not in API_VERSIONS or not plugin.get("command"):
            raise ConfigError(f"{where}: exec needs a command, and apiVersion {' or '.join(API_VERSIONS)}")
        command = str(plugin["command"])
        args, env = plugin.get("args") or [], plugin.get("env") or []
        if not isinstance(args, list) or not isinstance(env, list) or not all(map(_is_pair, env)):
            raise ConfigError(f"{where}: exec: args must be a list, and env a list of `name` and `value`")
        return ExecPlugin(
            (str(self._beside(command)) if "/" in command else command, *map(str, args)),
            {str(pair["name"]): str(pair["value"]) for pair in env},
            {
                "apiVersion": version,
                "kind": "ExecCredential",
                "spec": {"interactive": False} | ({"cluster": told} if plugin.get("provideClusterInfo") else {}),
            },
            str(plugin.get("installHint") or "").strip(),
        )

    def _bytes(self, part: Part, key: str, where: str) -> bytes | None:
        """What stands in the file under a key, or in base64 under `key-data`, which wins as in kubectl."""
        if part.get(f"{key}-data"):
            return auth.decoded(str(part[f"{key}-data"]), f"{where}: {key}-data")
        if not part.get(key):
            return None
        return auth.read(self._beside(part[key]), f"{where}: {key} {part[key]}")

    def _beside(self, path: Any) -> Path:
        """Relative paths are relative to the kubeconfig."""
        found = Path(str(path))
        if "\0" in str(path):
            raise ConfigError(f"{self._where}: {str(path)!r} is no path")
        # There may be no such user.
        with suppress(RuntimeError):
            found = found.expanduser()
        return self._path.parent / found


def _server(cluster: Part, where: str, has_secrets: bool) -> str:
    server = str(cluster.get("server") or "").rstrip("/")
    if "@" in server:
        raise ConfigError(f"{where}: server has a user in its URL; put username and password under `users`")
    try:
        parts = urlsplit(server)
        usable = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise ConfigError(f"{where}: server {server!r} is no https:// URL")
    if parts.scheme == "http" and has_secrets and not _loopback(parts.hostname or ""):
        raise ConfigError(f"{where}: credentials are not sent over http to {parts.hostname}")
    return server


def _told(cluster: Part, ca: bytes | None) -> Part:
    """What an exec plug-in that wants to know is told of the cluster."""
    told = {key: cluster[key] for key in TOLD if key in cluster}
    if ca is not None:
        told["certificate-authority-data"] = base64.b64encode(ca).decode()
    extensions = cluster.get("extensions")
    for extension in extensions if isinstance(extensions, list) else ():
        if isinstance(extension, dict) and extension.get("name") == EXTENSION:
            told["config"] = extension.get("extension")
    return told


def _is_pair(item: Any) -> bool:
    return isinstance(item, dict) and {"name", "value"} <= item.keys()


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
