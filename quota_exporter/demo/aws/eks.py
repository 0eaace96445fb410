"""What moto lacks of EKS: Pod Identity associations, registered clusters, and saying that a cluster does not exist."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from moto.eks.models import eks_backends

from quota_exporter.demo.aws.calls import Asked, Json
from quota_exporter.demo.aws.wire import Failure

Place = tuple[str, str]
"""Account and Region."""


class Eks:
    """Associations and registered clusters of all accounts."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._associations: dict[tuple[str, str, str], list[Json]] = {}
        self._registered: dict[Place, dict[str, Json]] = {}

    def operations(self) -> dict[tuple[str, str], Callable[[Asked], Json | None]]:
        """What is answered, by client and operation."""
        answers: dict[str, Callable[[Asked], Json | None]] = {
            "CreatePodIdentityAssociation": self._associate,
            "ListPodIdentityAssociations": self._associated,
            "RegisterCluster": self._register,
            "DescribeCluster": self._describe,
            "ListNodegroups": self._exists,
            "ListFargateProfiles": self._exists,
        }
        return {("eks", operation): answer for operation, answer in answers.items()}

    def clusters(self, asked: Asked, result: Json) -> Json:
        """Moto's clusters, and the registered ones too where `include` says `all`."""
        registered = self._registered.get(_place(asked), {}) if "all" in asked.params.get("include", []) else {}
        return {"clusters": [*result["clusters"], *registered]}

    def _exists(self, asked: Asked) -> None:
        name = asked.params["clusterName"]
        if name not in eks_backends[asked.call.account][asked.call.region].clusters:
            raise Failure("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)

    def _associate(self, asked: Asked) -> Json:
        self._exists(asked)
        params, now = asked.params, datetime.fromtimestamp(self._clock(), UTC)
        name, number = params["clusterName"], f"a-{uuid.uuid4().hex[:17]}"
        arn = f"arn:aws:eks:{asked.call.region}:{asked.call.account}:podidentityassociation/{name}/{number}"
        association = {member: params[member] for member in ("clusterName", "namespace", "serviceAccount", "roleArn")}
        association |= {"associationArn": arn, "associationId": number, "createdAt": now, "modifiedAt": now}
        self._associations.setdefault((*_place(asked), name), []).append(association)
        return {"association": association}

    def _associated(self, asked: Asked) -> Json:
        self._exists(asked)
        found = self._associations.get((*_place(asked), asked.params["clusterName"]), [])
        wanted = {name: asked.params[name] for name in ("namespace", "serviceAccount") if name in asked.params}
        fitting = [association for association in found if wanted.items() <= association.items()]
        left_out = ("roleArn", "createdAt", "modifiedAt")
        return {"associations": [{k: v for k, v in association.items() if k not in left_out} for association in fitting]}

    def _register(self, asked: Asked) -> Json:
        name, connector = asked.params["name"], asked.params["connectorConfig"]
        cluster = {
            "name": name,
            "arn": f"arn:aws:eks:{asked.call.region}:{asked.call.account}:cluster/{name}",
            "createdAt": datetime.fromtimestamp(self._clock(), UTC),
            "status": "ACTIVE",
            "connectorConfig": {"provider": connector["provider"], "roleArn": connector["roleArn"]},
            "tags": asked.params.get("tags", {}),
        }
        self._registered.setdefault(_place(asked), {})[name] = cluster
        return {"cluster": cluster}

    def _describe(self, asked: Asked) -> Json | None:
        cluster = self._registered.get(_place(asked), {}).get(asked.params["name"])
        return None if cluster is None else {"cluster": cluster}


def _place(asked: Asked) -> Place:
    return asked.call.account, asked.call.region
