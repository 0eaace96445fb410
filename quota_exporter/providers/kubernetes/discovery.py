"""Which cluster an entry of the config is, and how to ask it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from quota_exporter.budget import Budget
from quota_exporter.errors import ApiError, Denied, Malformed
from quota_exporter.model import Target
from quota_exporter.providers.kubernetes.api import Client, KubernetesApi
from quota_exporter.providers.kubernetes.auth import Credentials
from quota_exporter.providers.kubernetes.settings import Cluster

PATH = "/api/v1/namespaces/kube-system"
PERMISSION = "get namespaces"


@dataclass(slots=True)
class ClusterConnection:
    """One cluster: it is its own only target."""

    client: Client
    cluster: Cluster
    budget: Budget
    _apis: dict[Target, KubernetesApi] = field(default_factory=dict)

    @property
    def credentials(self) -> Credentials:
        """How the cluster is reached."""
        return self.client.credentials

    async def targets(self) -> Iterable[Target | ApiError]:
        """The cluster, by its configured name, else by the UID of its `kube-system` namespace, so that no two merge."""
        if self.cluster.name:
            return [Target("kubernetes", self.cluster.name)]
        api = self.api(Target("kubernetes", self.cluster.label, ""))
        try:
            found = await api.get(PATH, PERMISSION)
        except Denied as error:
            raise Denied(
                f"{error}; give the cluster a `name` in the config, or allow this",
                operation=error.operation,
                permission=PERMISSION,
            ) from None
        uid = found["metadata"].get("uid")
        if not isinstance(uid, str) or not uid:
            raise Malformed("has no uid, which is to tell clusters apart; give the cluster a `name`", operation=f"GET {PATH}")
        return [Target("kubernetes", uid, account_name=self.cluster.label)]

    def api(self, target: Target) -> KubernetesApi:
        """The one api of the cluster, with the target's budget."""
        return self._apis.setdefault(target, KubernetesApi(self.client, self.cluster, target, self.budget))

    async def close(self) -> None:
        """Ends all connections to the cluster."""
        for api in self._apis.values():
            await api.close()
        await self.client.close()
