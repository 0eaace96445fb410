"""What services say themselves of an account's limits, and how much of them is used: counted in what moto holds.

Maxima are AWS's defaults unless they are set.
"""

from collections.abc import Callable, Iterable
from typing import Any

from moto.backends import get_backend

from quota_exporter.demo.aws.calls import Asked, Json
from quota_exporter.demo.aws.wire import Failure

DEFAULTS: dict[str, dict[str, float]] = {
    "autoscaling": {"MaxNumberOfAutoScalingGroups": 500, "MaxNumberOfLaunchConfigurations": 200},
    "cloudformation": {"StackLimit": 2000, "StackOutputsLimit": 200, "ConcurrentResourcesLimit": 2500},
    "elb": {"classic-load-balancers": 20, "classic-listeners": 100, "classic-registered-instances": 1000},
    "elasticbeanstalk": {
        "ApplicationQuota": 75,
        "ApplicationVersionQuota": 1000,
        "EnvironmentQuota": 200,
        "ConfigurationTemplateQuota": 2000,
        "CustomPlatformQuota": 50,
    },
    "lambda": {
        "ConcurrentExecutions": 1000,
        "TotalCodeSize": 80_530_636_800,
        "CodeSizeUnzipped": 262_144_000,
        "CodeSizeZipped": 52_428_800,
    },
    "dms": {"ReplicationInstances": 60, "ReplicationSubnetGroups": 60, "Endpoints": 1000},
    "rds": {
        "DBInstances": 40,
        "ReservedDBInstances": 40,
        "AllocatedStorage": 100_000,
        "DBSecurityGroups": 25,
        "AuthorizationsPerDBSecurityGroup": 20,
        "DBParameterGroups": 50,
        "ManualSnapshots": 100,
        "EventSubscriptions": 20,
        "DBSubnetGroups": 50,
        "OptionGroups": 20,
        "SubnetsPerDBSubnetGroup": 20,
        "ReadReplicasPerMaster": 15,
        "DBClusters": 40,
        "DBClusterParameterGroups": 50,
        "DBClusterRoles": 5,
        "DBInstanceRoles": 5,
        "ManualClusterSnapshots": 100,
        "CustomEndpointsPerDBCluster": 5,
    },
    "route53": {
        "MAX_HEALTH_CHECKS_BY_OWNER": 200,
        "MAX_HOSTED_ZONES_BY_OWNER": 500,
        "MAX_REUSABLE_DELEGATION_SETS_BY_OWNER": 100,
        "MAX_TRAFFIC_POLICIES_BY_OWNER": 50,
        "MAX_TRAFFIC_POLICY_INSTANCES_BY_OWNER": 5,
        "MAX_RRSETS_BY_ZONE": 10_000,
        "MAX_VPCS_ASSOCIATED_BY_ZONE": 300,
    },
}
"""Maxima by client, then as the service calls them."""


class AccountLimits:
    """What services answer when they are asked for an account's limits."""

    def __init__(self) -> None:
        self._set: dict[tuple[str, str], dict[str, float]] = {}

    def set(self, service: str, name: str, value: float, account: str = "*") -> None:
        """Sets a maximum.

        Args:
            service: Name of the boto3 client.
            name: As the service calls it: `DBInstances`, `RolesQuota` of iam, `MAX_HOSTED_ZONES_BY_OWNER`.
            value: The maximum.
            account: Number of an account; all where `*`.
        """
        self._set.setdefault((account, service), {})[name] = value

    def maxima(self, asked: Asked) -> dict[str, float]:
        """All maxima of the service that is called."""
        service = asked.call.service
        return DEFAULTS.get(service, {}) | self._set.get(("*", service), {}) | self._set.get((asked.call.account, service), {})

    def operations(self) -> dict[tuple[str, str], Callable[[Asked], Json]]:
        """What is answered, by client and operation."""
        return {
            ("autoscaling", "DescribeAccountLimits"): self._autoscaling,
            ("cloudformation", "DescribeAccountLimits"): self._cloudformation,
            ("dms", "DescribeAccountAttributes"): self._dms,
            ("elasticbeanstalk", "DescribeAccountAttributes"): self._elasticbeanstalk,
            ("elb", "DescribeAccountLimits"): self._elb,
            ("lambda", "GetAccountSettings"): self._lambda,
            ("rds", "DescribeAccountAttributes"): self._rds,
            ("route53", "GetAccountLimit"): self._route53,
            ("route53", "GetHostedZoneLimit"): self._zone,
            ("sesv2", "GetAccount"): self._sesv2,
        }

    def summary(self, asked: Asked, result: Json) -> Json:
        """IAM's GetAccountSummary of moto, with the maxima that are set."""
        return {"SummaryMap": result["SummaryMap"] | {name: int(value) for name, value in self.maxima(asked).items()}}

    def _autoscaling(self, asked: Asked) -> Json:
        backend = _backend(asked)
        counted = {
            "NumberOfAutoScalingGroups": len(backend.autoscaling_groups),
            "NumberOfLaunchConfigurations": len(backend.launch_configurations),
        }
        return self.maxima(asked) | counted

    def _cloudformation(self, asked: Asked) -> Json:
        return {"AccountLimits": [{"Name": name, "Value": value} for name, value in self.maxima(asked).items()]}

    def _elb(self, asked: Asked) -> Json:
        return {"Limits": [{"Name": name, "Max": str(value)} for name, value in self.maxima(asked).items()]}

    def _elasticbeanstalk(self, asked: Asked) -> Json:
        return {"ResourceQuotas": {name: {"Maximum": value} for name, value in self.maxima(asked).items()}}

    def _dms(self, asked: Asked) -> Json:
        backend = _backend(asked)
        used = {
            "ReplicationInstances": len(backend.replication_instances),
            "ReplicationSubnetGroups": len(backend.replication_subnet_groups),
            "Endpoints": len(backend.endpoints),
        }
        return self._account_quotas(asked, used)

    def _lambda(self, asked: Asked) -> Json:
        backend, most = _backend(asked), self.maxima(asked)
        functions = list(backend.list_functions("ALL"))
        newest = list(backend.list_functions(None))
        layers = [version for layer in backend.list_layers() for version in backend.list_layer_versions(layer["LayerName"])]
        reserved = sum(int(function.reserved_concurrency or 0) for function in newest)
        return {
            "AccountLimit": most | {"UnreservedConcurrentExecutions": most["ConcurrentExecutions"] - reserved},
            "AccountUsage": {
                "TotalCodeSize": sum(one.code_size for one in (*functions, *layers)),
                "FunctionCount": len(newest),
            },
        }

    def _rds(self, asked: Asked) -> Json:
        return self._account_quotas(asked, _used_of_rds(_backend(asked)))

    def _account_quotas(self, asked: Asked, used: dict[str, int]) -> Json:
        rows = [{"AccountQuotaName": name, "Used": used.get(name, 0), "Max": most} for name, most in self.maxima(asked).items()]
        return {"AccountQuotas": rows}

    def _route53(self, asked: Asked) -> Json:
        backend, kind = _backend(asked), asked.params["Type"]
        counted: dict[str, int] = {
            "MAX_HEALTH_CHECKS_BY_OWNER": len(backend.health_checks),
            "MAX_HOSTED_ZONES_BY_OWNER": len(backend.zones),
            "MAX_REUSABLE_DELEGATION_SETS_BY_OWNER": len(backend.delegation_sets),
        }
        return self._limit(asked, kind, counted.get(kind, 0))

    def _zone(self, asked: Asked) -> Json:
        zone, kind = _backend(asked).zones.get(asked.params["HostedZoneId"]), asked.params["Type"]
        if zone is None:
            raise Failure("NoSuchHostedZone", f"No hosted zone found with ID: {asked.params['HostedZoneId']}", 404)
        if kind == "MAX_RRSETS_BY_ZONE":
            return self._limit(asked, kind, zone.resource_record_set_count)
        if not zone.vpcs:
            raise Failure("HostedZoneNotPrivate", "The specified hosted zone is a public hosted zone.")
        return self._limit(asked, kind, len(zone.vpcs))

    def _limit(self, asked: Asked, kind: str, count: int) -> Json:
        maxima = self.maxima(asked)
        if kind not in maxima:
            raise Failure("InvalidInput", f"{kind} is no type of limit.")
        return {"Limit": {"Type": kind, "Value": maxima[kind]}, "Count": count}

    def _sesv2(self, asked: Asked) -> Json:
        sent = get_backend("ses")[asked.call.account][asked.call.region].get_send_quota().sent_last24_hours
        quota = {"Max24HourSend": 200.0, "MaxSendRate": 1.0} | self.maxima(asked)
        return {"ProductionAccessEnabled": True, "SendingEnabled": True, "SendQuota": quota | {"SentLast24Hours": float(sent)}}


def held(account: str, region: str, service: str) -> Any:
    """What moto holds of a service in an account and Region; global services have one for all Regions."""
    regions: Any = get_backend(service)[account]  # type: ignore[call-overload]
    return regions[region if region in regions else "aws"]


def _backend(asked: Asked) -> Any:
    return held(asked.call.account, asked.call.region, asked.call.service)


def _used_of_rds(backend: Any) -> dict[str, int]:
    """Counts by the names of DescribeAccountAttributes; those that are per something are the highest there is."""
    instances, clusters = list(backend.databases.values()), list(backend.clusters.values())
    return {
        "DBInstances": len(instances),
        "AllocatedStorage": sum(int(instance.allocated_storage or 0) for instance in instances),
        "DBSecurityGroups": len(backend.security_groups),
        "DBParameterGroups": len(backend.db_parameter_groups),
        "ManualSnapshots": _manual(backend.database_snapshots.values()),
        "EventSubscriptions": len(backend.event_subscriptions),
        "DBSubnetGroups": len(backend.subnet_groups),
        "OptionGroups": len(backend.option_groups),
        "SubnetsPerDBSubnetGroup": max((len(group.subnets) for group in backend.subnet_groups.values()), default=0),
        "ReadReplicasPerMaster": max((len(instance.replicas) for instance in instances), default=0),
        "DBClusters": len(clusters),
        "DBClusterParameterGroups": len(backend.db_cluster_parameter_groups),
        "DBClusterRoles": max((len(cluster.associated_roles) for cluster in clusters), default=0),
        "ManualClusterSnapshots": _manual(backend.cluster_snapshots.values()),
    }


def _manual(snapshots: Iterable[Any]) -> int:
    return sum(snapshot.snapshot_type == "manual" for snapshot in snapshots)
