"""skopeo, the program that speaks to image registries: it checks digests, and knows this machine's mirrors,
logins, proxies and certificates.

What is done with an image is registry.py's.
"""

import asyncio
import base64
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from homeport.model.errors import FailedPreconditionError
from homeport.model.people import home_folder
from homeport.plan.references import Reference
from homeport.plan.registry_auth import Login
from homeport.runtime.launcher import memory_file

INSTALL = "apt-get install skopeo"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


async def run(
    arguments: list[str], login: Login | None, reference: Reference, limit_s: float | None
) -> tuple[int, bytes, str]:
    """Exit status, output and errors of skopeo. The login is in a file in memory, seen by skopeo alone."""
    skopeo = program()
    assert skopeo is not None, "looked for before anything else"
    opened: list[int] = []
    words = [*_dying_with_us(), skopeo, *([] if _has_policy() else ["--insecure-policy"]), arguments[0]]
    if login is not None:
        opened.append(memory_file(_auth_file(reference, login)))
        words.extend(("--authfile", f"/proc/self/fd/{opened[0]}"))
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            *arguments[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=opened,
            env={"HOME": str(home_folder()), "PATH": os.defpath, **_passed_on()},
        )
    finally:
        for number in opened:
            os.close(number)
    try:
        async with asyncio.timeout(limit_s):
            output, errors = await process.communicate()
    except TimeoutError:
        await _end(process)
        raise FailedPreconditionError(
            f"{reference.familiar} could not be pulled: {reference.registry} did not answer within "
            f"{limit_s:.0f} s. Try again later."
        ) from None
    except asyncio.CancelledError:
        await _end(process)
        raise
    return process.returncode or 0, output, errors.decode("utf-8", "replace")


def has_proxy() -> bool:
    return any(name in os.environ for name in _PROXIES)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def program() -> str | None:
    return shutil.which("skopeo")


def _dying_with_us() -> list[str]:
    """What makes a program end with an engine that is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _passed_on() -> dict[str, str]:
    """What skopeo may know of this user's own configuration."""
    names = (
        *_PROXIES,
        "NO_PROXY",
        "no_proxy",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "DOCKER_CONFIG",
        "TMPDIR",
    )
    more = ("REGISTRY_AUTH_FILE", "CONTAINERS_REGISTRIES_CONF", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return {name: os.environ[name] for name in (*names, *more) if name in os.environ}


def _has_policy() -> bool:
    return any(
        path.exists() for path in (_config_folder() / "policy.json", Path("/etc/containers/policy.json"))
    )


def has_mirrors() -> bool:
    """Whether this user or machine says where registries' images come from, such as a mirror."""
    if "CONTAINERS_REGISTRIES_CONF" in os.environ or (_config_folder() / "registries.conf").exists():
        return True
    machine = Path("/etc/containers")
    files = [machine / "registries.conf", *(machine / "registries.conf.d").glob("*.conf")]
    return any(_names_a_registry(file) for file in files)


def _names_a_registry(file: Path) -> bool:
    """Debian's own file, and its short names, name none."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip().startswith("[[registry") for line in lines)


def _config_folder() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or home_folder() / ".config") / "containers"


def verifies(reference: Reference) -> str:
    return "false" if reference.is_loopback else "true"


def _auth_file(reference: Reference, login: Login) -> dict[str, Any]:
    pair = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    return {"auths": {reference.registry: {"auth": pair}}}
