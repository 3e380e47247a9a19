"""The environment of a container, built from nothing, with the origin of each variable.

Order, later wins: the platform's base (HOME, PATH, LANG), the image's ENV, Secrets in the order given (the
function's `env=` is the last of them), what the platform itself sets (MODAL_*). Nothing of the shell that
started the engine or the client gets in.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

BASE = {
    "HOME": "/root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONUNBUFFERED": "1",  # what is printed shows at once, as on Modal
}
# The user's files lie in /root, the client in /pkg. A PYTHONPATH of the image or a Secret goes before them.
_PYTHON_PATH = "/root:/pkg"


@dataclass(frozen=True)
class Variable:
    """One variable as the container gets it. `shadowed` are the origins whose values it replaced by another,
    oldest first."""

    name: str
    value: str
    origin: str
    secret: bool = False
    shadowed: tuple[str, ...] = ()


def compose(
    image_env: Mapping[str, str],
    image_origins: Mapping[str, str],
    secrets: Iterable[tuple[str, Mapping[str, str]]],
    platform: Mapping[str, str],
) -> dict[str, Variable]:
    """The whole environment by name. `image_origins` says which instruction set a variable of the image;
    `secrets` are (origin, values) in the order given. What the platform sets cannot be changed by either."""
    variables: dict[str, Variable] = {}

    def put(name: str, value: str, origin: str, *, secret: bool = False) -> None:
        before = variables.get(name)
        shadowed = before.shadowed if before else ()
        # of a Secret's value nobody may learn whether it is the one that the image shows
        if before and (before.value != value or before.secret != secret):
            shadowed = (*shadowed, before.origin)
        variables[name] = Variable(name, value, origin, secret, shadowed)

    for name, value in BASE.items():
        put(name, value, "platform")
    for name, value in image_env.items():
        put(name, value, f"image: {image_origins[name]}" if name in image_origins else "image")
    for origin, values in secrets:
        for name, value in values.items():
            put(name, value, origin, secret=True)
    for name, value in platform.items():
        put(name, value, "platform")
    user_path = variables.get("PYTHONPATH")
    if user_path is None:
        put("PYTHONPATH", _PYTHON_PATH, "platform")
    else:
        joined = f"{user_path.value}:{_PYTHON_PATH}" if user_path.value else _PYTHON_PATH
        variables["PYTHONPATH"] = Variable(
            "PYTHONPATH", joined, f"{user_path.origin} + platform", user_path.secret, user_path.shadowed
        )
    return variables


def values(variables: Mapping[str, Variable]) -> dict[str, str]:
    """What the container's processes get."""
    return {name: variable.value for name, variable in variables.items()}


def record(
    variables: Mapping[str, Variable], salt: bytes, is_secret_name: Callable[[str], bool] = lambda name: False
) -> list[dict[str, object]]:
    """The environment as it may be written down: the values of Secrets, and of what is named like one, only
    as a salted digest, so that two runs of one engine can be compared without either being readable."""
    import hashlib  # takes longer than the rest of this module, which the preflight reads, too

    return [
        {
            "name": variable.name,
            "origin": variable.origin,
            "shadowed": list(variable.shadowed),
            **(
                {"digest": hashlib.blake2b(variable.value.encode(), key=salt, digest_size=16).hexdigest()}
                if variable.secret or is_secret_name(variable.name)
                else {"value": variable.value}
            ),
        }
        for variable in sorted(variables.values(), key=lambda v: v.name)
    ]
