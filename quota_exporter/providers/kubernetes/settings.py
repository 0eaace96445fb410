"""What the config says of a cluster."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from quota_exporter.settings import Entry, Size, UserPath

Network = IPv4Network | IPv6Network
ENDPOINTS = "endpoints"


def _network(value: object) -> Network:
    try:
        return ip_network(str(value))
    except ValueError:
        raise ValueError("no network; write it like 10.96.0.0/16, without bits of a host") from None


def _ports(value: object) -> str:
    """A range of ports, as the flag of kube-apiserver has it."""
    first, dash, last = str(value).partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65536):
        raise ValueError("no range of ports; write it like 30000-32767")
    return str(value)


def _replicas(value: object) -> tuple[str, ...] | str:
    urls = tuple(map(str, value)) if isinstance(value, list | tuple) else ()
    if value != ENDPOINTS and (not urls or any(not url.startswith("https://") for url in urls)):
        raise ValueError("must be `endpoints`, or a list of https:// URLs")
    return urls or ENDPOINTS


Cidr = Annotated[Network, BeforeValidator(_network, json_schema_input_type=str)]
Ports = Annotated[str, BeforeValidator(_ports, json_schema_input_type=str)]
Replicas = Annotated[tuple[str, ...] | str, BeforeValidator(_replicas, json_schema_input_type=tuple[str, ...] | str)]


class Cluster(Entry):
    """One cluster. Without `kubeconfig`, the one that the exporter runs in."""

    kubeconfig: UserPath | None = Field(None, description="Path of a kubeconfig file; not given: the service account of the pod.")
    context: str | None = Field(None, description="Context of the kubeconfig; the current one if not given.")
    replicas: Replicas | None = Field(
        None,
        description="URLs of every kube-apiserver, to read each one's own metrics; `endpoints` takes them from the "
        "EndpointSlice default/kubernetes.",
    )
    etcd_quota: Size | None = Field(None, description="etcd's --quota-backend-bytes, such as 8GiB; no API tells it.")
    max_requests_inflight: int | None = Field(
        None, gt=0, description="The flag of that name; only used where flow control is off."
    )
    max_mutating_requests_inflight: int | None = Field(None, gt=0, description="The flag of that name; likewise.")
    cluster_cidrs: tuple[Cidr, ...] = Field((), description="The controller manager's --cluster-cidr; no API tells it.")
    service_cidrs: tuple[Cidr, ...] = Field((), description="The --service-cluster-ip-range; only needed before Kubernetes 1.33.")
    node_port_range: Ports | None = Field(
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

    @model_validator(mode="after")
    def _context_of_a_file(self) -> "Cluster":
        if self.context is not None and self.kubeconfig is None:
            raise ValueError("`context` needs `kubeconfig`")
        return self
