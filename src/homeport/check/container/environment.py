"""A container's variables, each with where it comes from; later wins, as in plan/environment.py."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from homeport.check.container.ground import Ground
from homeport.check.facts import Function, Secret
from homeport.check.values import FromShell, Site, Unknown, Value
from homeport.plan.environment import BASE

_PYTHON_PATH = "/root:/pkg"
_PLATFORM = """
MODAL_IMAGE_ID MODAL_ENVIRONMENT MODAL_CLOUD_PROVIDER MODAL_REGION MODAL_SERVER_URL MODAL_TASK_ID
MODAL_CONTAINER_ARGUMENTS_PATH
"""
_LINE = re.compile(r"\s*(?:export\s+)?'?([A-Za-z_][\w.]*)'?\s*(?:=|$)")


def set_variables(function: Function, ground: Ground) -> None:
    """Puts Secrets, `env=` and the platform's own behind the image's variables."""
    image = dict(ground.environment)
    ground.environment.clear()
    for name, value in BASE.items():
        ground.put(name, value, "platform", None)
    ground.environment.update(image)
    for secret in function.secrets:
        if isinstance(secret, Unknown):
            ground.has_unknown_secrets = True
        else:
            _add_secret(secret, ground)
    _add_mapping(function.options.get("env"), "env=", function.option_sites.get("env"), ground)
    for name in _PLATFORM.split():
        ground.put(name, Unknown("the platform sets it"), "platform", None)
    ground.put("MODAL_IS_REMOTE", "1", "platform", None)
    _set_python_path(ground)


def _set_python_path(ground: Ground) -> None:
    """The user's own comes before the platform's."""
    given = ground.environment.get("PYTHONPATH")
    if given is None or given[0] == "":
        ground.put("PYTHONPATH", _PYTHON_PATH, "platform", None)
    elif isinstance(given[0], str):
        ground.put("PYTHONPATH", f"{given[0]}:{_PYTHON_PATH}", given[1], given[2])


def _add_secret(secret: Secret, ground: Ground) -> None:
    given = secret.args[0] if secret.args else None
    if secret.kind == "from_dict":
        values = given if secret.args else secret.options.get("env_dict", {})
        _add_mapping(values, "secret from_dict", secret.site, ground)
    elif secret.kind == "from_local_environ":
        keys = given if secret.args else secret.options.get("env_keys")
        if not isinstance(keys, tuple):
            ground.has_unknown_secrets = True
            return
        for name in keys:
            if isinstance(name, str):
                value = FromShell(name, None, secret.site)
                ground.put(name, value, "secret from_local_environ", secret.site)
            else:
                ground.has_unknown_secrets = True
    elif secret.kind == "from_dotenv":
        _add_dotenv(secret, ground)
    else:
        name = given if secret.args else secret.options.get("name")
        required = secret.options.get("required_keys", ())
        for key in required if isinstance(required, tuple) else ():
            if isinstance(key, str):
                ground.put(key, Unknown(f"the Secret {name} holds it"), f"secret {name}", secret.site)
        ground.has_unknown_secrets = True


def _add_mapping(values: Value, origin: str, site: Site | None, ground: Ground) -> None:
    if values is None:
        return
    if not isinstance(values, Mapping):
        ground.has_unknown_secrets = True
        return
    for name, value in values.items():
        if not isinstance(name, str):
            ground.has_unknown_secrets = True
        elif value is not None:
            ground.put(name, value, origin, site)


def _add_dotenv(secret: Secret, ground: Ground) -> None:
    path = secret.args[0] if secret.args else secret.options.get("path")
    filename = secret.options.get("filename", ".env")
    start = (
        ground.folder if path is None else ground.folder / path if isinstance(path, str | PurePath) else None
    )
    file = _above(start, filename) if start is not None and isinstance(filename, str) else None
    if file is None:
        if start is None or not isinstance(filename, str):
            ground.has_unknown_secrets = True
        return
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        ground.has_unknown_secrets = True
        return
    for line in lines:
        if not line.lstrip().startswith("#") and (found := _LINE.match(line)):
            why = Unknown(f"{file.name} holds it", secret.site)
            ground.put(found[1], why, f"secret {file.name}", secret.site)


def _above(start: Path, filename: str) -> Path | None:
    """The file of that name in a folder or the nearest above it."""
    folder = start if start.is_dir() else start.parent
    return next(
        (place / filename for place in (folder, *folder.parents) if (place / filename).is_file()), None
    )
