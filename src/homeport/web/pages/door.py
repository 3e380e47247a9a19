"""Who may look at the pages: whoever holds the cookie that a one-time link of `homeport ui` sets.

Asked from this machine only: the Host header has to be a name of it, so that no page of another site can
have its own name resolve here. What changes something has to come from these pages themselves.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

CODE_VALID_S: Final = 60.0
SESSION_VALID_S: Final = 30 * 24 * 3600.0
SESSION_COOKIE: Final = "homeport-"  # what its name begins with
_MOST_CODES: Final = 100


class Door:
    """Issues and knows sessions and one-time codes. A session outlives the engine: the token signs it."""

    def __init__(self, token_id: str, token_secret: str, *, now: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(token_secret.encode(), b"homeport pages", hashlib.sha256)
        self._now = now
        self._codes: dict[str, tuple[float, str]] = {}
        # cookies know no ports: each engine's has a name of its own
        self.cookie = f"{SESSION_COOKIE}{hashlib.sha256(token_id.encode()).hexdigest()[:12]}"

    def issue_code(self, path: str) -> str:
        """A code that is good once, within a minute, and leads to `path`."""
        self._forget_old()
        code = secrets.token_urlsafe(32)
        self._codes[code] = (self._now() + CODE_VALID_S, path)
        return code

    def take_code(self, code: str) -> str | None:
        """Where the code leads; None for one that is unknown, used or too old."""
        self._forget_old()
        found = self._codes.pop(code, None)
        return found[1] if found else None

    def issue_session(self) -> str:
        expires_at = str(int(self._now() + SESSION_VALID_S))
        return f"{expires_at}-{self._sign('session', expires_at)}"

    def knows(self, session: str) -> bool:
        expires_at, _, signature = session.partition("-")
        if not hmac.compare_digest(signature.encode(), self._sign("session", expires_at).encode()):
            return False
        return float(expires_at) > self._now()

    def form_token(self, session: str) -> str:
        """What a form of this session's pages carries."""
        return self._sign("form", session)

    def is_form_token(self, session: str, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.form_token(session).encode())

    def _forget_old(self) -> None:
        now = self._now()
        kept = [(code, found) for code, found in self._codes.items() if found[0] > now]
        self._codes = dict(kept[-_MOST_CODES:])

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.digest(self._key, f"{purpose}|{text}".encode(), hashlib.sha256).hex()


def is_local_host(host: str) -> bool:
    """Whether a Host header names this machine itself."""
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    name = name.strip("[]").lower()
    return name in ("localhost", "127.0.0.1", "::1") or name.endswith(".localhost")


def is_own_request(headers: Mapping[str, str]) -> bool:
    """Whether a request that changes something comes from a page of this very address."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None and site is None:
        return False
    if origin is not None and urlsplit(origin)[:2] != ("http", headers.get("host", "")):
        return False
    return site in (None, "same-origin")
