"""Kubernetes: how close a cluster's apiserver, storage, addresses, nodes and namespaces are to their limits."""

import os
from contextlib import suppress
from pathlib import Path

from quota_exporter.budget import Budget
from quota_exporter.providers.kubernetes.addresses import SERVICE_ADDRESSES
from quota_exporter.providers.kubernetes.apiserver import APISERVER
from quota_exporter.providers.kubernetes.nodes import NODES
from quota_exporter.providers.kubernetes.pods import PODS
from quota_exporter.providers.kubernetes.resource_quotas import RESOURCE_QUOTAS
from quota_exporter.providers.kubernetes.services import SERVICES
from quota_exporter.providers.kubernetes.settings import Cluster
from quota_exporter.source import Connection, Provider


def connect(cluster: Cluster, budget: Budget) -> Connection:
    """Reads the credentials of a cluster.

    Raises:
        ConfigError: The kubeconfig, the service account or a proxy cannot be used.
    """
    from quota_exporter.providers.kubernetes.api import Client
    from quota_exporter.providers.kubernetes.auth import in_cluster
    from quota_exporter.providers.kubernetes.discovery import ClusterConnection
    from quota_exporter.providers.kubernetes.kubeconfig import Kubeconfig
    from quota_exporter.proxies import environment_proxy, proxy_url

    path = cluster.kubeconfig
    credentials = in_cluster(os.environ) if path is None else Kubeconfig(path).credentials(cluster.context)
    if cluster.proxy:
        credentials.proxy = proxy_url(cluster.proxy, f"kubernetes {cluster.label}: proxy")
    elif credentials.proxy is None:
        # Each call looks there again, for its own host: here only to tell mistakes at once.
        environment_proxy(credentials.server)
    return ClusterConnection(Client(credentials), cluster, budget)


def look() -> Cluster | None:
    """The cluster that the exporter runs in, else the kubeconfig's current context."""
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return Cluster()
    paths = [Path(path) for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    # Where there is no home, nothing is found there.
    with suppress(RuntimeError):
        paths = paths or [Path("~/.kube/config").expanduser()]
    return next((Cluster(kubeconfig=path) for path in paths if path.is_file()), None)


KUBERNETES = Provider(
    name="kubernetes",
    settings=Cluster,
    sources=(APISERVER, SERVICE_ADDRESSES, NODES, PODS, SERVICES, RESOURCE_QUOTAS),
    connect=connect,
    look=look,
)
