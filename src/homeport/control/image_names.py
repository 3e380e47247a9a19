"""Names of images (`Image.publish`, `Image.from_name`): [ENVIRONMENT/]NAME:TAG, with their history."""

import sqlite3
import time

from homeport.control.environments import Environments
from homeport.control.images import BUILT, Images
from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError
from homeport.model.names import check_object_name
from homeport.store.database import Database

_MOST_A_PAGE = 100
_LAST = 2**62


class ImageNames:
    """All names of one engine's images."""

    def __init__(self, db: Database, environments: Environments, images: Images) -> None:
        self._db = db
        self._environments = environments
        self._images = images

    def publish(self, name: str, environment: str, image_id: str) -> int:
        """Lets the name stand for the image from now on; the number of this publication. Raises
        NotFoundError, InvalidError, or FailedPreconditionError for an image that is not built."""
        place, tagged = self._parse(name, environment)
        image = self._images.get(image_id)
        if image.state != BUILT:
            raise FailedPreconditionError(f"Image {image_id} is not built, so it cannot be published.")
        row = self._db.one(
            "publish_image", environment=place, name=tagged, image_id=image_id, published_at=time.time()
        )
        assert row is not None
        return int(row["revision"])

    def find(self, name: str, environment: str) -> str:
        """The image that a name stands for. Raises NotFoundError."""
        place, tagged = self._parse(name, environment)
        row = self._db.one("image_by_name", environment=place, name=tagged)
        if row is None:
            raise NotFoundError(
                f"No image is published as {tagged} in environment '{place}'; `modal image names list` shows "
                "those that are."
            )
        self._images.get(row["image_id"])  # a name keeps its image, unless the home was changed by hand
        return str(row["image_id"])

    def all(
        self, environment: str, prefix: str, after: str, limit: int
    ) -> tuple[str, list[sqlite3.Row], str]:
        """The environment's name, a page of names, and where the next one begins (empty at the end)."""
        place = self._environments.name(environment)
        wanted = min(limit or _MOST_A_PAGE, _MOST_A_PAGE)
        rows = self._db.all("image_names", environment=place, prefix=prefix, after=after, limit=wanted + 1)
        more = rows[wanted - 1]["name"] if len(rows) > wanted else ""
        return place, rows[:wanted], more

    def history(
        self, name: str, environment: str, before: str, limit: int
    ) -> tuple[str, str, list[sqlite3.Row], str]:
        """Environment, name, a page of its publications, newest first, and where the next page begins."""
        place, tagged = self._parse(name, environment)
        if before and not before.isdecimal():
            raise InvalidError(f"{before!r} is no page of a history.")
        wanted = min(limit or _MOST_A_PAGE, _MOST_A_PAGE)
        rows = self._db.all(
            "image_name_history",
            environment=place,
            name=tagged,
            before=int(before or _LAST),
            limit=wanted + 1,
        )
        more = str(rows[wanted - 1]["revision"]) if len(rows) > wanted else ""
        return place, tagged, rows[:wanted], more

    def forget(self, name: str) -> None:
        """The name stands for nothing any more; its image stays. Raises NotFoundError."""
        self.find(name, "")
        place, tagged = self._parse(name, "")
        self._db.run("forget_image_name", environment=place, name=tagged)

    def _parse(self, name: str, environment: str) -> tuple[str, str]:
        place, slash, rest = name.rpartition("/")
        if slash and environment and place != environment:
            raise InvalidError(f"{name!r} names another environment than {environment!r}.")
        plain, _, tag = rest.partition(":")
        check_object_name(plain, "Image")
        check_object_name(tag or "latest", "Image tag")
        return self._environments.name(place or environment), f"{plain}:{tag or 'latest'}"
