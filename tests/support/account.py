"""Who runs the engine and the client: root, or an ordinary user.

Where the tests run as root, the ordinary user is a bare number: no useradd, no entry in /etc/passwd, no home
but the folder made here. Where they run as an ordinary user, that is the only account.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import client
from tests.support.reach import Reach, closed_ancestor

_CLOSED = Path(__file__).with_name("closed.py")
ORDINARY_UID = 54321  # used by nothing else, so every process of it is ours

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent  # Homeport's own; not resolved: the virtual environment's own folder

# How this machine reaches its package index; everything else of the environment stays outside.
_PACKAGE_CONFIGURATION = (
    "PIP_", "UV_", "SSL_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip


@dataclass(frozen=True)
class Account:
    """One mode of the tests, with a folder of its own under /tmp (short: unix sockets lie below it)."""

    name: str  # "root" or "user"
    uid: int
    base: Path
    reach: Reach | None = None  # where the checkout is closed to this account
    is_closed: bool = False  # namespaces are closed to it, as in a Docker container

    @property
    def home_folder(self) -> Path:
        """HOME of engine and client."""
        return self.base / "home"

    @property
    def tmp(self) -> Path:
        """TMPDIR of engine and client: what they forget there shows."""
        return self.base / "tmp"

    @property
    def engine_home(self) -> Path:
        """HOMEPORT_HOME."""
        return self.base / "hp"

    def environment(self) -> dict[str, str]:
        """What a process of this account starts with: nothing of the shell that started the tests."""
        return {
            "PATH": ":".join(
                map(str, [*dict.fromkeys([client.folder(), BIN]), "/usr/local/bin:/usr/bin:/bin"])
            ),
            "HOME": str(self.home_folder),
            "USER": self.name,
            "LOGNAME": self.name,
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.tmp),
            "COLUMNS": "200",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOMEPORT_HOME": str(self.engine_home),
        } | {name: value for name, value in os.environ.items() if name.startswith(_PACKAGE_CONFIGURATION)}

    def launch(self, argv: Sequence[object], cwd: Path) -> dict[str, Any]:
        """Arguments for subprocess.Popen that run a command in `cwd` as this account."""
        command = [str(part) for part in argv]
        if self.is_closed:
            kind = "root" if self.uid == 0 else "user"
            command = ["/usr/bin/python3", "-I", "-S", str(_CLOSED), kind, *command]
        if self.reach is not None:
            return {"args": [*self.reach.prefix(self.uid, cwd), *command]}
        as_user = (
            {} if self.uid == os.geteuid() else {"user": self.uid, "group": self.uid, "extra_groups": []}
        )
        return {"args": command, "cwd": cwd, **as_user}

    def own(self, *paths: Path) -> None:
        for path in paths:
            os.chown(path, self.uid, -1 if self.uid == os.geteuid() else self.uid)

    def make_folder(self, path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        self.own(path)
        return path

    def remove(self) -> None:
        if self.reach is not None:
            self.reach.close()
        # gigabytes of small files, at which shutil.rmtree would be several times as long
        subprocess.run(["rm", "-rf", self.base], check=False)


def open_account(mode: str) -> Account:
    """Makes the account's folders: `user`, `root`, or `closed-…` for either where namespaces are closed.
    Raises LookupError with the reason where it cannot be had."""
    name = mode.removeprefix("closed-")
    if name != mode and shutil.which("proot") is None:
        raise LookupError("proot is not installed")
    if name == "root" and os.geteuid() != 0:
        raise LookupError("the tests do not run as root")
    uid = ORDINARY_UID if name == "user" and os.geteuid() == 0 else os.geteuid()
    reach = Reach(REPOSITORY) if uid != os.geteuid() and closed_ancestor(REPOSITORY) else None
    # proot itself may write below /tmp, so what it must not write lies elsewhere
    parent = "/tmp" if name == mode else "/var/tmp"
    base = Path(tempfile.mkdtemp(prefix=f"hpt-{name}-", dir=parent))
    account = Account(name, uid, base, reach, name != mode)
    account.base.chmod(0o755)
    account.own(account.base)
    for folder in (account.home_folder, account.tmp):
        account.make_folder(folder)
    seen = subprocess.run(
        env=account.environment(),
        capture_output=True,
        text=True,
        **account.launch([BIN / "python", "-c", "import homeport, modal_proto"], account.base),
    )
    if seen.returncode:
        account.remove()
        raise LookupError(f"user {uid} cannot use {BIN}: {seen.stderr.strip().splitlines()[-1:]}")
    return account
