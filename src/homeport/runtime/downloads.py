"""Files that ADD fetches by their address, with this machine's proxies and certificates."""

import asyncio
import hashlib
import posixpath
import shutil
import urllib.parse
from pathlib import Path

from homeport.model.errors import FailedPreconditionError, InvalidError

_SILENCE_S = 30.0
_PIECE = 1 << 20


def is_address(source: str) -> bool:
    return source.startswith(("http://", "https://", "git@", "git://", "ssh://"))


def file_name(address: str) -> str:
    """The name that a fetched file gets. Raises InvalidError for what is no file's address."""
    parts = urllib.parse.urlsplit(address)
    name = posixpath.basename(urllib.parse.unquote(parts.path))
    if parts.scheme not in ("http", "https") or parts.path.endswith(".git") or not parts.netloc:
        raise InvalidError(
            f"ADD takes {address}, which is no file's address: clone repositories in a RUN step (git clone)."
        )
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise InvalidError(f"ADD takes {address}, which names no file: give an address that ends in a name.")
    return name


async def fetch(address: str, folder: Path, checksum: str | None) -> Path:
    """Fetches into a folder. Raises FailedPreconditionError, InvalidError for another checksum."""
    target = folder / file_name(address)
    return await asyncio.to_thread(_fetch, address, target, checksum)


def _fetch(address: str, target: Path, checksum: str | None) -> Path:
    import urllib.error  # heavy: an engine starts without
    import urllib.request

    try:
        with urllib.request.urlopen(address, timeout=_SILENCE_S) as answer, target.open("xb") as file:
            shutil.copyfileobj(answer, file, _PIECE)
            wanted = answer.headers.get("Content-Length")
            if wanted is not None and wanted.isdecimal() and file.tell() != int(wanted):
                raise FailedPreconditionError(
                    f"ADD {address} was cut off: {file.tell()} of {wanted} bytes came. Try again."
                )
    except urllib.error.HTTPError as error:
        error.close()
        raise FailedPreconditionError(
            f"ADD {address}: the server answered {error.code} {error.reason}."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise FailedPreconditionError(f"ADD {address} could not be fetched: {reason}.") from None
    target.chmod(0o600)
    if checksum is not None:
        with target.open("rb") as file:
            found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if found != checksum:
            raise InvalidError(f"ADD {address} gave {found}, and {checksum} was asked for.")
    return target
