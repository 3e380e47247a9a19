"""Builds under way: each is a task with a log, and ends when nobody follows it any more.

What a build does, and what becomes of its end, is images.py's matter.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass

from homeport.control.image_logs import ImageLog
from homeport.model.home import Home

logger = logging.getLogger(__name__)

_JOINED_WITHIN_S = 30.0  # a client that asked for a build and died before it could follow it
_ABANDONED_S = 5.0  # clients come back to a stream that ended at its time at once


@dataclass
class Build:
    """A build under way. It ends when nobody follows it any more: its clients were stopped."""

    image_id: str
    log: ImageLog
    task: asyncio.Task[None]
    app_id: str
    grace_s: float
    followers: int = 0
    abandoned: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        self.followers += 1
        self.keep()
        try:
            yield
        finally:
            self.followers -= 1
            if not self.followers:
                self.end_unless_followed(self.grace_s)

    def keep(self) -> None:
        if self.abandoned is not None:
            self.abandoned.cancel()
            self.abandoned = None

    def app_stopped(self) -> None:
        """Its client will not come back; perhaps others follow the build."""
        self.grace_s = 0.0
        if not self.followers:
            self.end_unless_followed(0.0)

    def end_unless_followed(self, within_s: float) -> None:
        self.keep()
        if self.task.done():
            return
        self.abandoned = asyncio.get_running_loop().call_later(within_s, self._abandon)

    def _abandon(self) -> None:
        logger.info("the build of %s is followed by nobody", self.image_id)
        self.task.cancel("The clients that asked for this image were stopped.")


class Builds:
    """All builds of one engine that are under way. `on_end` is told of each that was."""

    def __init__(self, home: Home, on_end: Callable[[], None]) -> None:
        self._home = home
        self._on_end = on_end
        self._by_image: dict[str, Build] = {}
        self._images: dict[str, str] = {}  # digest of the definition -> image id

    def get(self, image_id: str) -> Build | None:
        return self._by_image.get(image_id)

    def image_of(self, digest: str) -> str | None:
        """The image of this definition, if it is being built for whoever asks."""
        return self._images.get(digest)

    def start(
        self,
        image_id: str,
        app_id: str,
        digest: str | None,
        work: Callable[[ImageLog], Coroutine[None, None, None]],
    ) -> None:
        """`digest` is None for a build that no other client may share."""
        log = ImageLog(self._home, image_id)
        task = asyncio.create_task(work(log), name=f"build {image_id}")
        build = self._by_image[image_id] = Build(image_id, log, task, app_id, _ABANDONED_S)
        build.end_unless_followed(_JOINED_WITHIN_S)
        if digest is not None:
            self._images[digest] = image_id

        def ended(_: asyncio.Task[None]) -> None:
            self._by_image.pop(image_id, None)
            self._on_end()
            build.keep()
            if digest is not None and self._images.get(digest) == image_id:
                del self._images[digest]
            log.close()

        task.add_done_callback(ended)

    def app_stopped(self, app_id: str) -> None:
        """Ends the app's builds, unless clients of others follow them."""
        for build in list(self._by_image.values()):
            if build.app_id == app_id:
                build.app_stopped()

    async def close(self) -> None:
        tasks = [build.task for build in self._by_image.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
