"""Images of registries: pulled, remembered by the name that was asked for, and read as a base image.

A name means the image that it meant when it was first asked for, until a build is forced: a moved tag does
not rebuild what is there.
"""

import time
from dataclasses import dataclass
from typing import Any

from homeport.control.image_definition import NotThereError, Result, Voice
from homeport.model.errors import NotServedError
from homeport.model.home import Home
from homeport.plan.layer_key import layer_key
from homeport.plan.recipe import DEFAULT_SHELL, ImageState, Variable
from homeport.plan.references import Reference
from homeport.plan.registry_auth import AwsKeys, Login
from homeport.plan.registry_errors import RegistryUnreachableError
from homeport.runtime.ecr import ecr_login
from homeport.runtime.registry import PulledImage, Registry
from homeport.runtime.skopeo import INSTALL as SKOPEO
from homeport.runtime.skopeo import program
from homeport.store.database import Database

_PATH = (
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where an image says nothing, as Docker
)


@dataclass(frozen=True)
class Asked:
    """How a definition asks for base images."""

    login: Login | AwsKeys | None = None
    is_forced: bool = False
    own_root: bool = False  # not over this machine's userland


class RegistryImages:
    """Finds images of registries by their names, and pulls those that are not here."""

    def __init__(self, home: Home, db: Database, registry: Registry) -> None:
        self._home = home
        self._db = db
        self._registry = registry

    def known(self, reference: Reference) -> Result | str | None:
        """The image of this name as it was asked for before, or a remark why a local base stood for it."""
        row = self._db.one("image_reference", reference=str(reference))
        if row is None:
            return None
        if not row["layer"]:
            return str(row["note"])
        image = self._registry.stored(row["digest"])
        return None if image is None else _result(reference, image)

    def may_be_had_now(self, note: str) -> bool:
        """Whether what the remark names as missing is there now."""
        return SKOPEO in note and program() is not None

    def note_local(self, reference: Reference, note: str) -> None:
        """A local base stands for it from now on."""
        self._remember(reference, "", "", note)

    async def get(self, reference: Reference, asked: Asked, voice: Voice | None) -> Result:
        """Raises NotThereError without a voice, RegistryUnreachableError, other HomeportErrors."""
        if voice is None:
            raise NotThereError
        login = asked.login
        if isinstance(login, AwsKeys):
            login = await ecr_login(login)
        try:
            image = await self._registry.pull(reference, login, voice.say)
        except RegistryUnreachableError as error:
            known = self.known(reference)
            if not isinstance(known, Result):
                raise
            note = f"{reference.familiar} is as it was pulled before: {error}"
            voice.say(f"{note}\n")
            return known.noting(note)
        self._remember(reference, image.layer, image.digest, "")
        return _result(reference, image)

    def _remember(self, reference: Reference, layer: str, digest: str, note: str) -> None:
        fields = {"layer": layer, "digest": digest, "note": note, "at": time.time()}
        self._db.run("set_image_reference", reference=str(reference), **fields)


def _result(reference: Reference, image: PulledImage) -> Result:
    """Raises NotServedError for what an image's author asks for and is not served."""
    config: dict[str, Any] = image.config.get("config") or {}
    name = reference.familiar
    if config.get("OnBuild"):
        raise NotServedError(
            f"Homeport does not serve ONBUILD, which {name} has ({config['OnBuild'][0]}): write its "
            "instructions into the Dockerfile, on another image."
        )
    set_by = f"FROM {name}"
    env = {"PATH": Variable(_PATH, set_by)}
    for pair in config.get("Env") or []:
        key, _, value = pair.partition("=")
        env[key] = Variable(value, set_by)
    state = ImageState(
        key=layer_key("", "FROM registry", image.digest),
        env=env,
        workdir=config.get("WorkingDir") or None,
        shell=tuple(config.get("Shell") or DEFAULT_SHELL),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        cmd=tuple(config.get("Cmd") or ()),
        user=config.get("User") or "",
    )
    notes = (f"base image: {name} as its registry has it ({image.digest[:19]}…)",)
    return Result(state, (image.layer,), "", notes, host_usr=False)
