"""Credentials from a kubeconfig.

https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from quota_exporter.errors import ConfigError
from quota_exporter.providers.kubernetes.auth import Credentials, Fixed, Identity, Login, TokenFile, check_ca, decoded
from quota_exporter.providers.kubernetes.exec_plugin import ExecPlugin

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")

Part = dict[str, Any]


class Kubeconfig:
    """A kubeconfig file.

    Raises:
        ConfigError: It cannot be read.
    """

    def __init__(self, path: Path):
        self._path = path
        try:
            found = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            why = error.strerror if isinstance(error, OSError) else "not YAML"
            raise ConfigError(f"kubeconfig {path}: {why}") from None
        if not isinstance(found, dict):
            raise ConfigError(f"kubeconfig {path}: no kubeconfig")
        self._found = found

    def credentials(self, context: str | None) -> Credentials:
        """The credentials of a context; of the current one where none is named.

        Raises:
            ConfigError: The context, or what it refers to, is not there or cannot be used.
        """
        name = context or self._found.get("current-context")
        if not name:
            raise ConfigError(f"kubeconfig {self._path}: has no current-context; give the entry a `context`")
        chosen = self._named("contexts", "context", name)
        cluster_name, user_name = str(chosen.get("cluster", "")), str(chosen.get("user", ""))
        cluster = self._named("clusters", "cluster", cluster_name)
        user = self._named("users", "user", user_name) if user_name else {}
        server = str(cluster.get("server", "")).rstrip("/")
        ca = self._bytes(cluster, "certificate-authority", f"cluster {cluster_name!r}")
        login = self._login(user, cluster, f"user {user_name!r}")
        self._check_server(server, cluster_name, has_secrets=bool(user))
        return Credentials(
            server,
            login,
            check_ca(ca, f"kubeconfig {self._path}: cluster {cluster_name!r}") if ca else None,
            verify=not cluster.get("insecure-skip-tls-verify"),
            server_name=cluster.get("tls-server-name"),
            proxy=cluster.get("proxy-url"),
        )

    def _named(self, kind: str, key: str, name: str) -> Part:
        entries = [entry for entry in self._found.get(kind) or [] if isinstance(entry, dict)]
        for entry in entries:
            if entry.get("name") == name and isinstance(entry.get(key), dict):
                return dict(entry[key])
        known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
        raise ConfigError(f"kubeconfig {self._path}: no {key} {name!r} in `{kind}`; there are: {known}")

    def _check_server(self, server: str, cluster: str, has_secrets: bool) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ConfigError(f"kubeconfig {self._path}: cluster {cluster!r}: server {server!r} is no https:// URL")
        if parts.scheme == "http" and has_secrets and not _loopback(parts.hostname):
            raise ConfigError(
                f"kubeconfig {self._path}: cluster {cluster!r}: credentials are not sent over http to {parts.hostname}"
            )

    def _login(self, user: Part, cluster: Part, where: str) -> Login:
        if "auth-provider" in user:
            raise ConfigError(
                f"kubeconfig {self._path}: {where}: auth-provider is no longer part of Kubernetes; "
                "use an exec plug-in such as gke-gcloud-auth-plugin or kubelogin"
            )
        if "exec" in user:
            return self._plugin(user["exec"], cluster, where)
        certificate = self._bytes(user, "client-certificate", where)
        key = self._bytes(user, "client-key", where)
        if bool(certificate) != bool(key):
            raise ConfigError(f"kubeconfig {self._path}: {where}: client-certificate and client-key belong together")
        if "tokenFile" in user and not user.get("token"):
            return TokenFile(self._beside(user["tokenFile"]))
        authorization = None
        if user.get("token"):
            authorization = f"Bearer {user['token']}"
        elif user.get("username"):
            pair = f"{user['username']}:{user.get('password', '')}"
            authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return Fixed(Identity(authorization, (certificate, key) if certificate and key else None))

    def _plugin(self, plugin: Any, cluster: Part, where: str) -> ExecPlugin:
        version = plugin.get("apiVersion") if isinstance(plugin, dict) else None
        if version not in API_VERSIONS or not plugin.get("command"):
            raise ConfigError(
                f"kubeconfig {self._path}: {where}: exec needs a command, and apiVersion {' or '.join(API_VERSIONS)}"
            )
        command = str(plugin["command"])
        spec: Part = {"interactive": False}
        if plugin.get("provideClusterInfo"):
            spec["cluster"] = cluster
        return ExecPlugin(
            (str(self._beside(command)) if "/" in command else command, *map(str, plugin.get("args") or [])),
            {str(pair["name"]): str(pair["value"]) for pair in plugin.get("env") or []},
            {"apiVersion": version, "kind": "ExecCredential", "spec": spec},
            str(plugin.get("installHint") or "").strip(),
        )

    def _bytes(self, part: Part, key: str, where: str) -> bytes | None:
        """What stands in the file under a key, or in base64 under `key-data`, which wins as in kubectl."""
        if part.get(f"{key}-data"):
            return decoded(str(part[f"{key}-data"]), f"kubeconfig {self._path}: {where}: {key}-data")
        if not part.get(key):
            return None
        try:
            return self._beside(part[key]).read_bytes()
        except OSError as error:
            raise ConfigError(f"kubeconfig {self._path}: {where}: {key} {part[key]}: {error.strerror}") from None

    def _beside(self, path: Any) -> Path:
        """Relative paths are relative to the kubeconfig."""
        return self._path.parent / Path(str(path)).expanduser()


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
