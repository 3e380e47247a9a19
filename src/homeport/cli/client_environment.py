"""The variables that point a modal client at the engine, and how each kind of shell is told them."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from homeport.cli.service import Endpoint, Token

# The client refuses a token beside credentials of the other kind, which integrations put into the shell.
CONFLICTS = (
    "MODAL_OAUTH_REFRESH_TOKEN",
    "MODAL_OAUTH_CLIENT_ID",
    "MODAL_OAUTH_CLIENT_SECRET",
    "MODAL_OAUTH_JWT_KEY",
)
SHELLS = ("sh", "fish", "csh")


def variables(endpoint: Endpoint, token: Token) -> dict[str, str]:
    """What the client reads. They win over the profile in its configuration file and over MODAL_PROFILE."""
    return {
        "MODAL_SERVER_URL": endpoint.server_url,
        "MODAL_TOKEN_ID": token.token_id,
        "MODAL_TOKEN_SECRET": token.token_secret,
        # A proxy of this shell would be asked for 127.0.0.1, which is its own.
        "MODAL_DISABLE_API_PROXY": "1",
    }


def applied(environment: Mapping[str, str], endpoint: Endpoint, token: Token) -> dict[str, str]:
    """A copy of `environment` in which a modal command talks to the engine."""
    kept = {name: value for name, value in environment.items() if name not in CONFLICTS}
    return kept | variables(endpoint, token)


def missing_folder() -> Path | None:
    """The folder with this installation's modal command, where the shell finds no modal command at all."""
    folder = Path(sys.executable).parent
    if shutil.which("modal") is None and (folder / "modal").exists():
        return folder
    return None


def export_lines(shell: str, values: Mapping[str, str], drop: tuple[str, ...], folder: Path | None) -> str:
    """Commands of `shell` that set `values`, unset `drop`, and put `folder` at the end of PATH."""
    lines = [_set(shell, name, value) for name, value in values.items()]
    lines += [_unset(shell, name) for name in drop if name in os.environ]
    if folder is not None:
        lines.append(_append_path(shell, str(folder)))
    return "\n".join(lines)


def unset_lines(shell: str, values: Mapping[str, str]) -> str:
    return "\n".join(_unset(shell, name) for name in values)


def _set(shell: str, name: str, value: str) -> str:
    quoted = shlex.quote(value)
    return {
        "sh": f"export {name}={quoted};",
        "fish": f"set -gx {name} {quoted};",
        "csh": f"setenv {name} {quoted};",
    }[shell]


def _unset(shell: str, name: str) -> str:
    return {"sh": f"unset {name};", "fish": f"set -e {name};", "csh": f"unsetenv {name};"}[shell]


def _append_path(shell: str, folder: str) -> str:
    quoted = shlex.quote(folder)
    return {
        "sh": f'export PATH="$PATH":{quoted};',
        "fish": f"set -gx PATH $PATH {quoted};",
        "csh": f'setenv PATH "$PATH":{quoted};',
    }[shell]
