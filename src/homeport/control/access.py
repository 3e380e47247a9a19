"""Signed tokens by which the command router knows who may do something in which container.

JSON Web Tokens, since the client reads when they expire: HMAC-SHA256 over two parts of JSON. The engine's
secret signs them, so they outlive the engine and nobody else can make one.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

from homeport.model.errors import PermissionDeniedError

VALID_S = 3600.0
_HEADER = {"alg": "HS256", "typ": "JWT"}


class Access:
    """Issues and checks tokens, each for one subject such as a task."""

    def __init__(self, secret: bytes, *, now: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(secret, b"homeport command router", hashlib.sha256)
        self._now = now

    def issue(self, subject: str) -> str:
        claims = {"sub": subject, "exp": int(self._now() + VALID_S)}
        signed = f"{_encode(json.dumps(_HEADER).encode())}.{_encode(json.dumps(claims).encode())}"
        return f"{signed}.{self._signature(signed)}"

    def subject(self, token: str) -> str:
        """Whom the token is for. Raises PermissionDeniedError for one that is none of ours or too old."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            raise PermissionDeniedError("The command router does not know the token that was shown.")
        claims = json.loads(_decode(signed.partition(".")[2]))
        if claims["exp"] <= self._now():
            raise PermissionDeniedError("The command router's token has expired; ask for another one.")
        return str(claims["sub"])

    def _signature(self, signed: str) -> str:
        return _encode(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
