"""AWS's Signature Version 4 of one request, as its documentation describes it. Pure.

Only to ask ECR for a login: for anything more, AWS's own library would be the way.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

from homeport.plan.registry_auth import AwsKeys


def signed_headers(
    keys: AwsKeys,
    service: str,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> dict[str, str]:
    """The headers with those that sign them; `now` in UTC."""
    parts = urlsplit(url)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    complete = {**headers, "Host": parts.netloc, "X-Amz-Date": stamp}
    if keys.session_token:
        complete["X-Amz-Security-Token"] = keys.session_token
    lowered = sorted((name.lower(), " ".join(value.split())) for name, value in complete.items())
    names = ";".join(name for name, _ in lowered)
    request = "\n".join(
        [
            method,
            quote(parts.path or "/"),
            "&".join(
                f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(parse_qsl(parts.query, True))
            ),
            *(f"{name}:{value}" for name, value in lowered),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{stamp[:8]}/{keys.region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{keys.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, to_sign).hex()
    shown = f"AWS4-HMAC-SHA256 Credential={keys.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**complete, "Authorization": shown}


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
