"""Links to the engine's HTTP port that carry their own permission: a signature and an expiry.

The key lies in the database, so links stay good when the engine restarts. What a link leads to is
`control/blobs.py`'s and `control/volume_files.py`'s matter; `web/` checks it before anything else.
"""

import hashlib
import hmac
import secrets
import time
from urllib.parse import urlencode

from homeport.model.errors import PermissionDeniedError
from homeport.store.database import Database

UPLOAD_S = 24 * 3600.0  # as long as the largest upload may take
DOWNLOAD_S = 24 * 3600.0


class Links:
    """Signs and checks links. `base_url` (`http://127.0.0.1:PORT`) is set once the port is known."""

    def __init__(self, database: Database) -> None:
        database.run("add_link_key", purpose="http", key=secrets.token_bytes(32))
        row = database.one("link_key", purpose="http")
        assert row is not None
        self._key: bytes = row["key"]
        self.base_url = ""

    def sign(self, method: str, path: str, valid_s: float) -> str:
        """A link to `path` that lets whoever holds it do `method` for so many seconds."""
        assert self.base_url, "the HTTP port is not known yet"
        expires = str(int(time.time() + valid_s))
        return (
            f"{self.base_url}{path}?{urlencode({'e': expires, 's': self._signature(method, path, expires)})}"
        )

    def check(self, method: str, path: str, expires: str, signature: str) -> None:
        """Raises PermissionDeniedError unless this link was signed here and is still good."""
        expected = self._signature(method, path, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise PermissionDeniedError(f"The link to {path} was not made by this engine.")
        if not expires.isdecimal() or int(expires) < time.time():
            raise PermissionDeniedError(f"The link to {path} has expired; ask the engine for a new one.")

    def _signature(self, method: str, path: str, expires: str) -> str:
        message = "\n".join((method, path, expires)).encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
