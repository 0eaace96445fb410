"""What the config says of a cluster."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from quota_exporter.settings import Entry, Size, UserPath

Network = IPv4Network | IPv6Network


class Cluster(Entry):
    """One cluster. Without `kubeconfig`, the one that the exporter runs in."""

    kubeconfig: UserPath | None = Field(None, description="Path of a kubeconfig file; not given: the service account of the pod.")
    context: str | None = Field(None, description="Context of the kubeconfig; the current one if not given.")
    replicas: tuple[str, ...] | Literal["endpoints"] | None = Field(
        None,
        description="URLs of every kube-apiserver, to read each one's own metrics; `endpoints` takes them from the "
        "EndpointSlice default/kubernetes.",
    )
    etcd_quota: Size | None = Field(None, description="etcd's --quota-backend-bytes, such as 8GiB; no API tells it.")
    max_requests_inflight: int | None = Field(
        None, gt=0, description="The flag of that name; only used where flow control is off."
    )
    max_mutating_requests_inflight: int | None = Field(None, gt=0, description="The flag of that name; likewise.")
    cluster_cidrs: tuple[Network, ...] = Field((), description="The controller manager's --cluster-cidr; no API tells it.")
    service_cidrs: tuple[Network, ...] = Field(
        (), description="The --service-cluster-ip-range; only needed before Kubernetes 1.33."
    )
    node_port_range: Annotated[str, Field(pattern=r"^\d+-\d+$")] | None = Field(
        None, description="The --service-node-port-range, such as 30000-32767; no API tells it."
    )
    object_thresholds: dict[str, Annotated[int, Field(gt=0)]] = Field(
        default_factory=dict, description="Replaces the published scalability threshold of a type, such as `pods: 50000`."
    )
    max_page_size: Size = Field(256 << 20, description="The largest answer that is read, after decompression.")

    @property
    def label(self) -> str:
        """The name, else where the credentials come from."""
        return self.name or (f"{self.kubeconfig}:{self.context or 'current-context'}" if self.kubeconfig else "in-cluster")

    @property
    def node_ports(self) -> int | None:
        """How many node ports there are."""
        if self.node_port_range is None:
            return None
        first, last = map(int, self.node_port_range.split("-"))
        return last - first + 1

    @field_validator("node_port_range")
    @classmethod
    def _rising(cls, value: str | None) -> str | None:
        if value is not None:
            first, last = map(int, value.split("-"))
            if not 0 < first <= last < 65536:
                raise ValueError(f"{value!r} is no range of ports; write it like 30000-32767")
        return value

    @field_validator("replicas")
    @classmethod
    def _https(cls, value: tuple[str, ...] | str | None) -> tuple[str, ...] | str | None:
        for url in value if isinstance(value, tuple) else ():
            if not url.startswith("https://"):
                raise ValueError(f"{url!r} must be an https:// URL")
        return value

    @model_validator(mode="after")
    def _context_of_a_file(self) -> "Cluster":
        if self.context is not None and self.kubeconfig is None:
            raise ValueError("`context` needs `kubeconfig`")
        return self
