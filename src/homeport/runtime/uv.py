"""Runs this installation's own uv, on this machine, outside any sandbox.

Only for packages whose names Homeport itself chose (Python's own tools, the client's dependencies), wheels
only: a user's packages are installed inside the sandbox, by image_builder.py.
"""

import asyncio
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from homeport.model.errors import FailedPreconditionError
from homeport.model.home import Home
from homeport.model.people import home_folder
from homeport.runtime.package_sources import read_package_sources

Log = Callable[[str], None]  # takes whole lines, newline included


@cache
def uv_binary() -> Path:
    """The uv that was installed with Homeport."""
    import uv

    return Path(uv.find_uv_bin())


def uv_environment(home: Home) -> dict[str, str]:
    """Variables for uv outside a sandbox: this machine's package sources, Homeport's own cache."""
    sources = read_package_sources()
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home_folder()),
        "LANG": "C.UTF-8",
        **sources.env,
        "UV_CACHE_DIR": str(home.cache / "uv-own"),
        "UV_LINK_MODE": "copy",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "manual",
    }


async def run_uv(home: Home, *arguments: str, cwd: Path | None = None) -> str:
    """Runs uv and returns its output; raises FailedPreconditionError with its last lines if it fails."""
    return await run_tool([str(uv_binary()), *arguments], env=uv_environment(home), cwd=cwd)


async def run_tool(command: list[str], *, env: dict[str, str], cwd: Path | None = None) -> str:
    """Runs a program of this machine; raises FailedPreconditionError with its last lines if it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        raw, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    output = raw.decode("utf-8", "replace")
    if process.returncode != 0:
        last = "\n".join(output.strip().splitlines()[-12:])
        shown = " ".join([Path(command[0]).name, *command[1:3]])
        raise FailedPreconditionError(f"`{shown} …` failed with exit status {process.returncode}:\n{last}")
    return output
