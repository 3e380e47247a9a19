"""Where this machine's packages come from: index, find-links folders, certificates, proxies.

Read from pip's and uv's own variables and files, translated so that both tools, inside build steps and
outside, use the same sources. Build steps see them read-only; they are noted with an image and are part of no
layer and no key. Credentials inside an address reach the step but never a note.
"""

import configparser
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from homeport.model.people import home_folder

_PASSED_ON = [
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_INDEX_STRATEGY",
    "UV_KEYRING_PROVIDER",
    "UV_HTTP_TIMEOUT",
    "UV_OFFLINE",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_CERT",
    "PIP_TRUSTED_HOST",
    "PIP_PROXY",
    "PIP_NO_INDEX",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
]
# uv also finds an index's credentials in UV_INDEX_<NAME>_USERNAME and _PASSWORD
_INDEX_CREDENTIALS = re.compile(r"^UV_INDEX_\w+_(USERNAME|PASSWORD)$")
_PIP_OPTIONS = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "find-links": "PIP_FIND_LINKS",
    "cert": "PIP_CERT",
    "trusted-host": "PIP_TRUSTED_HOST",
    "proxy": "PIP_PROXY",
    "no-index": "PIP_NO_INDEX",
}
_FILES = [
    "PIP_CERT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
]
_PLACES = [
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
]
_SEEN_ANYWAY = (Path("/etc/ssl"), Path("/usr"))  # the base tree has them


@dataclass(frozen=True)
class PackageSources:
    """Variables for a build step, the paths of this machine that they name, and a line for the record."""

    env: Mapping[str, str]
    paths: tuple[Path, ...]
    uv_config: Path | None  # this machine's uv.toml, the user's before the system's

    def note(self) -> str:
        """What a person may read of it, without credentials; empty where nothing is configured."""
        shown = {
            name: _without_credentials(value)
            for name, value in self.env.items()
            if not _INDEX_CREDENTIALS.match(name)
        }
        parts = [f"{name}={value}" for name, value in sorted(shown.items())]
        if self.uv_config:
            parts.append(f"uv.toml={self.uv_config}")
        return ", ".join(parts)


def certificates_elsewhere(env: Mapping[str, str], folder: str) -> tuple[dict[str, str], dict[Path, str]]:
    """The variables for an image that does not have this machine's certificates at their places, and where
    the files have to be shown to it, below `folder`."""
    moved = {name: value for name, value in env.items() if name != "SSL_CERT_DIR"}  # of links into /usr
    places: dict[Path, str] = {}
    for name in _FILES:
        path = Path(moved.get(name, ""))
        if path.is_file():
            moved[name] = places.setdefault(path, f"{folder}/{len(places)}.crt")
    return moved, places


def read_package_sources(
    environ: Mapping[str, str] | None = None, home: Path | None = None
) -> PackageSources:
    """This machine's package configuration; a variable wins over a file, as with pip and uv."""
    environ = os.environ if environ is None else environ
    home = home_folder() if home is None else home
    env = _from_pip_files(environ, home)
    for name, value in environ.items():
        if value and (name in _PASSED_ON or _INDEX_CREDENTIALS.match(name)):
            env[name] = value
    _translate_to_uv(env)
    uv_config = next(
        (path for path in (home / ".config/uv/uv.toml", Path("/etc/uv/uv.toml")) if os.access(path, os.R_OK)),
        None,
    )
    return PackageSources(env, _local_paths(env), uv_config)


def is_open(path: Path) -> bool:
    """Whether a step may read it: an engine run by root hands out only what everybody may read."""
    return os.geteuid() != 0 or bool(path.stat().st_mode & stat.S_IROTH)


def _from_pip_files(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    files = [
        "/etc/pip.conf",
        "/etc/xdg/pip/pip.conf",
        str(home / ".pip/pip.conf"),
        str(home / ".config/pip/pip.conf"),
        environ.get("PIP_CONFIG_FILE", ""),
    ]
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read([name for name in files if name and os.access(name, os.R_OK)], encoding="utf-8")
    except configparser.Error:  # pip itself would fail with its own words
        return {}
    found: dict[str, str] = {}
    for section in ("global", "install"):
        for option, variable in _PIP_OPTIONS.items():
            if parser.has_option(section, option):
                found[variable] = " ".join(parser.get(section, option).split())
    return found


def _translate_to_uv(env: dict[str, str]) -> None:
    """Gives uv what only pip was told, unless uv was told something of its own."""
    if "PIP_INDEX_URL" in env and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & env.keys():
        env["UV_DEFAULT_INDEX"] = env["PIP_INDEX_URL"]
    if "PIP_EXTRA_INDEX_URL" in env and not {"UV_INDEX", "UV_EXTRA_INDEX_URL"} & env.keys():
        env["UV_INDEX"] = env["PIP_EXTRA_INDEX_URL"]
        # pip takes the best version of all indexes, uv the first index that knows the name
        env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if "PIP_FIND_LINKS" in env and "UV_FIND_LINKS" not in env:
        env["UV_FIND_LINKS"] = ",".join(env["PIP_FIND_LINKS"].split())
    if "PIP_CERT" in env:
        env.setdefault("SSL_CERT_FILE", env["PIP_CERT"])
    if "PIP_TRUSTED_HOST" in env and "UV_INSECURE_HOST" not in env:
        env["UV_INSECURE_HOST"] = env["PIP_TRUSTED_HOST"]
    if "PIP_PROXY" in env:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            env.setdefault(name, env["PIP_PROXY"])


def _local_paths(env: Mapping[str, str]) -> tuple[Path, ...]:
    named = [env[name] for name in _FILES if name in env]
    for name in _PLACES:
        named.extend(re.split(r"[\s,]+", env.get(name, "")))
    paths: dict[Path, None] = {}
    for entry in named:
        path = Path(entry.split("=", 1)[-1].removeprefix("file://"))  # uv's indexes may be NAME=URL
        if path.name == "simple":
            path = path.parent  # an index's pages name files beside it
        seen = any(path.is_relative_to(folder) for folder in _SEEN_ANYWAY)
        if path.is_absolute() and path.exists() and not seen and len(path.parts) > 1:
            paths[path] = None
    return tuple(paths)


def _without_credentials(value: str) -> str:
    return re.sub(r"://[^/@\s]+@", "://…@", value)
