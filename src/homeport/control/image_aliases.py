"""What this machine's user lets stand for images that cannot be had: `homeport image alias`."""

import time
from collections.abc import Mapping

from homeport.model.errors import InvalidError, NotFoundError
from homeport.plan.references import LOCAL_DEBIAN, check_pattern, find_alias, parse_reference
from homeport.store.database import Database


class ImageAliases:
    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> Mapping[str, str]:
        """Targets by pattern."""
        return {row["pattern"]: row["target"] for row in self._db.all("image_aliases")}

    def find(self, name: str) -> tuple[str, str] | None:
        """The pattern that fits an image's name, and its target."""
        return find_alias(name, self.all())

    def set(self, pattern: str, target: str) -> None:
        """Raises InvalidError for what can be no image."""
        check_pattern(pattern)
        if target != LOCAL_DEBIAN:
            parse_reference(target)
        if find_alias(target, {pattern: target}):
            raise InvalidError(f"{pattern!r} fits {target} itself: an image cannot stand for itself.")
        self._db.run("set_image_alias", pattern=pattern, target=target, created_at=time.time())

    def remove(self, pattern: str) -> None:
        """Raises NotFoundError."""
        if not self._db.run("delete_image_alias", pattern=pattern).rowcount:
            raise NotFoundError(
                f"There is no alias {pattern!r}. `homeport image alias` lists those there are."
            )
