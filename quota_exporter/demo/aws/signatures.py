"""Signatures are checked as AWS does: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html."""

import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from quota_exporter.demo.aws.calls import SCOPE, Asked
from quota_exporter.demo.aws.faults import expiry
from quota_exporter.demo.aws.wire import Failure

PARTS = re.compile(r"SignedHeaders=(?P<headers>[^, ]+),\s*Signature=(?P<signature>[0-9a-f]+)")
UNSIGNED = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")
"""Operations that need no signature."""


class Signatures:
    """Checks that a call is signed with a key that is known, and that has not expired.

    Attributes:
        keys: Secrets of keys that moto does not know, by id.
    """

    def __init__(self, clock: Callable[[], float], keys: Mapping[str, str]):
        self.keys = keys
        self._clock = clock

    def check(self, asked: Asked) -> None:
        """Failure as the service would say it."""
        if not asked.call.access_key:
            if asked.call.operation not in UNSIGNED:
                raise _failure(asked, "MissingAuthenticationToken", "Missing Authentication Token", 403)
            return
        secret, token = self._credentials(asked)
        if not secret or token != asked.request.headers.get("X-Amz-Security-Token"):
            raise _unknown(asked)
        if not hmac.compare_digest(_signature(asked, secret), _parts(asked)["signature"]):
            message = "The request signature we calculated does not match the signature you provided."
            code = "InvalidSignatureException" if "json" in asked.protocol else "SignatureDoesNotMatch"
            raise _failure(asked, code, message, 400 if asked.protocol == "json" else 403)

    def _credentials(self, asked: Asked) -> tuple[str, str | None]:
        """Secret and token of the key; an empty secret where nobody knows it. Failure where it has expired."""
        call = asked.call
        if call.access_key in self.keys:
            return self.keys[call.access_key], None
        role = sts_backends[call.account]["aws"].get_assumed_role_from_access_key(call.access_key)
        if role is not None:
            if role.expiration.replace(tzinfo=UTC).timestamp() < self._clock():
                raise expiry(asked)
            return role.secret_access_key, role.session_token
        key = iam_backends[call.account]["aws"].access_keys.get(call.access_key)
        return ("", None) if key is None else (key.secret_access_key, None)


def _parts(asked: Asked) -> re.Match[str]:
    found = PARTS.search(asked.request.headers.get("Authorization", ""))
    if found is None:
        raise _failure(asked, "IncompleteSignature", "The request signature does not conform to AWS standards.", 400)
    return found


def _signature(asked: Asked, secret: str) -> str:
    """The signature that the request ought to have."""
    request, scope = asked.request, SCOPE.search(asked.request.headers.get("Authorization", ""))
    if scope is None:
        raise _unknown(asked)
    names = _parts(asked)["headers"].split(";")
    signed = {name: request.headers[name] for name in names if name in request.headers}
    signer = (S3SigV4Auth if scope["signing"] == "s3" else SigV4Auth)(Credentials("", secret), scope["signing"], scope["region"])
    again = AWSRequest(request.method, request.raw_url, signed, request.environ["demo.raw_body"])
    again.context["timestamp"] = request.headers.get("X-Amz-Date", "")
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))


def _unknown(asked: Asked) -> Failure:
    """The key is not known, or its token is not."""
    if asked.protocol == "ec2":
        return Failure("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    code = "UnrecognizedClientException" if "json" in asked.protocol else "InvalidClientTokenId"
    return Failure(code, "The security token included in the request is invalid.", 400 if asked.protocol == "json" else 403)


def _failure(asked: Asked, code: str, message: str, status: int) -> Failure:
    return Failure("AuthFailure", message, 401) if asked.protocol == "ec2" else Failure(code, message, status)
