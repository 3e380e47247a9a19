"""AWS's registry gives logins for a few hours: this asks for one."""

import asyncio
import base64
import json
import os
from datetime import UTC, datetime

from homeport.model.errors import FailedPreconditionError
from homeport.plan.aws_signature import signed_headers
from homeport.plan.registry_auth import AwsKeys, Login

_TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
_LIMIT_S = 15.0


async def ecr_login(keys: AwsKeys) -> Login:
    """Raises FailedPreconditionError with what AWS says."""
    return await asyncio.to_thread(_ask, keys)


def _ask(keys: AwsKeys) -> Login:
    import urllib.error  # heavy: an engine starts without
    import urllib.request

    # the variable is AWS's own, for endpoints of a private network
    url = os.environ.get("AWS_ENDPOINT_URL_ECR") or f"https://api.ecr.{keys.region}.amazonaws.com/"
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": _TARGET}
    signed = signed_headers(keys, "ecr", "POST", url, headers, b"{}", datetime.now(UTC))
    request = urllib.request.Request(url, b"{}", signed)
    try:
        with urllib.request.urlopen(request, timeout=_LIMIT_S) as answer:
            token = json.load(answer)["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(2000).decode("utf-8", "replace")
        raise FailedPreconditionError(
            f"AWS gives no login for its registry in {keys.region}: {error.code} {_reason(said)}. Check the "
            "keys in the Secret, and that they may do ecr:GetAuthorizationToken."
        ) from None
    except (OSError, ValueError, LookupError) as error:
        raise FailedPreconditionError(
            f"AWS could not be asked for a login to its registry in {keys.region}: "
            f"{getattr(error, 'reason', error)}."
        ) from None
    return Login(user, password)


def _reason(said: str) -> str:
    try:
        found = json.loads(said)
        return (
            str(found.get("message") or found.get("Message") or found.get("__type") or "").strip().rstrip(".")
        )
    except ValueError:
        return said[:200].strip()
