"""Environments: names that keep apps, volumes and secrets apart. There is always one, `main`."""

import sqlite3
import time
from typing import Final

from homeport.model import ids
from homeport.model.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidError,
    NotFoundError,
)
from homeport.model.names import DEFAULT_ENVIRONMENT, check_object_name
from homeport.store.database import Database

DEFAULT_IMAGE_BUILDER: Final = "2025.06"
IMAGE_BUILDERS: Final = ("2025.06", "2026.10")


class Environments:
    """The environments of one engine."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._add(DEFAULT_ENVIRONMENT)

    def name(self, asked: str) -> str:
        """The name of an environment that exists; the default one for ''. Raises NotFoundError."""
        name = asked or DEFAULT_ENVIRONMENT
        self.get(name)
        return name

    def get(self, name: str) -> sqlite3.Row:
        """Raises NotFoundError."""
        row = self._database.one("environment_by_name", name=name or DEFAULT_ENVIRONMENT)
        if row is None:
            raise NotFoundError(
                f"Environment '{name}' does not exist; `modal environment create {name}` creates it."
            )
        return row

    def all(self) -> list[sqlite3.Row]:
        return self._database.all("environments")

    def create(self, name: str, *, may_exist: bool = False) -> sqlite3.Row:
        """Raises InvalidError, or AlreadyExistsError unless it may exist."""
        if not self._add(check_object_name(name, "environment")) and not may_exist:
            raise AlreadyExistsError(f"Environment '{name}' exists already.")
        return self.get(name)

    def set_image_builder(self, name: str, version: str) -> sqlite3.Row:
        """Chooses the image builder version; '' for the default. Raises InvalidError, NotFoundError."""
        self.get(name)
        if version and version not in IMAGE_BUILDERS:
            raise InvalidError(
                f"Homeport has no image builder {version}; it has {' and '.join(IMAGE_BUILDERS)}."
            )
        self._database.run("set_environment_builder", name=name, image_builder_version=version)
        return self.get(name)

    def rename(self, name: str, new_name: str) -> sqlite3.Row:
        """Renames an environment in which no app runs: containers know it by its name.

        Raises InvalidError, NotFoundError, AlreadyExistsError, FailedPreconditionError.
        """
        self.get(name)
        check_object_name(new_name, "environment")
        if name == DEFAULT_ENVIRONMENT:
            raise FailedPreconditionError(f"Environment '{name}' is the default one and cannot be renamed.")
        if self._database.one("environment_by_name", name=new_name) is not None:
            raise AlreadyExistsError(f"Environment '{new_name}' exists already.")
        held = self._database.all("environment_contents", environment=name)
        running = [row["name"] for row in held if row["kind"] == "app"]
        if running:
            raise FailedPreconditionError(
                f"Environment '{name}' cannot be renamed while its apps run; stop {', '.join(running)} first."
            )
        with self._database.transaction():
            for table in (
                "environments",
                "apps",
                "volumes",
                "secrets",
                "mounts",
                "stored_objects",
                "image_names",
            ):
                self._database.run(f"rename_environment_of_{table}", name=name, new_name=new_name)
        return self.get(new_name)

    def remove(self, name: str) -> None:
        """Removes an environment that holds nothing. Raises NotFoundError, FailedPreconditionError."""
        self.get(name)
        if name == DEFAULT_ENVIRONMENT:
            raise FailedPreconditionError(f"Environment '{name}' is the default one and cannot be deleted.")
        held = self._database.all("environment_contents", environment=name)
        if held:
            shown = ", ".join(f"{row['kind']} {row['name']}" for row in held[:5])
            more = f" and {len(held) - 5} more" if len(held) > 5 else ""
            raise FailedPreconditionError(
                f"Environment '{name}' still holds {shown}{more}: stop the apps and delete the rest first."
            )
        self._database.run("remove_environment", name=name)

    def _add(self, name: str) -> bool:
        added = self._database.run(
            "add_environment", name=name, environment_id=ids.new_id(ids.ENVIRONMENT), created_at=time.time()
        )
        return added.rowcount > 0


def image_builder(row: sqlite3.Row) -> str:
    """The image builder version that an environment's images are described for."""
    return str(row["image_builder_version"] or DEFAULT_IMAGE_BUILDER)
