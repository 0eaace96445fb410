"""Where moto's answers are not what the real services say."""

from collections.abc import Callable

from quota_exporter.demo.aws.calls import Asked, Json

Correction = Callable[[Asked, Json], Json]
"""Makes of moto's whole answer to a call the right one."""


def own_snapshots(asked: Asked, result: Json) -> Json:
    """Whose snapshots are asked for: moto gives the public ones too, of which it has a thousand."""
    owners = {asked.call.account if owner == "self" else owner for owner in asked.params.get("OwnerIds", [])}
    return result | {"Snapshots": [row for row in result["Snapshots"] if not owners or row["OwnerId"] in owners]}


def owned_rules(asked: Asked, result: Json) -> Json:
    """Whose group a rule belongs to: moto leaves it out."""
    return result | {"SecurityGroupRules": [{"GroupOwnerId": asked.call.account} | row for row in result["SecurityGroupRules"]]}


def connected_gateways(asked: Asked, result: Json) -> Json:
    """How a NAT gateway is connected: moto only says it of private ones."""
    return result | {"NatGateways": [{"ConnectivityType": "public"} | row for row in result["NatGateways"]]}


def reachable_cluster(asked: Asked, result: Json) -> Json:
    """How an EKS cluster is reached where nobody said it when it was made: moto leaves it out."""
    cluster = result["cluster"]
    access = {"endpointPublicAccess": True, "endpointPrivateAccess": False, "publicAccessCidrs": ["0.0.0.0/0"]}
    return {"cluster": cluster | {"resourcesVpcConfig": access | cluster["resourcesVpcConfig"]}}


CORRECTIONS: dict[tuple[str, str], Correction] = {
    ("ec2", "DescribeNatGateways"): connected_gateways,
    ("ec2", "DescribeSecurityGroupRules"): owned_rules,
    ("ec2", "DescribeSnapshots"): own_snapshots,
    ("eks", "DescribeCluster"): reachable_cluster,
}
"""By client and operation."""
