"""Where everything of one engine lies on disk: HOMEPORT_HOME.

Two paths matter beyond this process: containers' sockets lie under `run/`, short because a unix socket's
path holds 107 bytes, and overlay mounts name layers by their short folder names, because a mount's options
hold 4 KiB.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from homeport.model.errors import EngineUnavailableError


@dataclass(frozen=True)
class Home:
    """The folders of one engine. `create()` makes them, private to this user."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "state.db"

    @property
    def blobs(self) -> Path:
        """Content-addressed files: blobs/ab/abcd… by sha256."""
        return self.root / "blobs"

    @property
    def values(self) -> Path:
        """Large values of Dicts, each a file."""
        return self.root / "values"

    @property
    def layers(self) -> Path:
        """Image layers and the client's bundles, each a folder tree, never written once finished."""
        return self.root / "l"

    @property
    def mounts(self) -> Path:
        """Materialised mounts: each a folder tree that starts at `/`, used as an overlay's lower layer."""
        return self.root / "m"

    @property
    def volumes(self) -> Path:
        return self.root / "v"

    @property
    def tasks(self) -> Path:
        """A folder for each container: its writable layer, sockets, log, exit status."""
        return self.root / "t"

    @property
    def gone(self) -> Path:
        """Folders that wait to be removed."""
        return self.root / "gone"

    @property
    def cache(self) -> Path:
        """What can be made again: uv's cache, downloaded Pythons."""
        return self.root / "cache"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def logs(self) -> Path:
        """One log for each task, kept after its container's folder is gone: logs/ta-….log."""
        return self.root / "logs"

    @property
    def engine_log(self) -> Path:
        return self.root / "engine.log"

    @property
    def token_file(self) -> Path:
        """JSON {"token_id", "token_secret"}, readable only by this user."""
        return self.root / "token.json"

    @property
    def endpoint_file(self) -> Path:
        """JSON {"pid", "server_url", "blob_url", "version", "started_at"} while an engine is up."""
        return self.root / "engine.json"

    @property
    def http_port_file(self) -> Path:
        """The port of blobs and pages at the last start."""
        return self.root / "http-port"

    @property
    def lock_file(self) -> Path:
        """Held (flock) by the one engine of this home."""
        return self.root / "engine.lock"

    @property
    def notify_socket(self) -> Path:
        """Datagrams from supervisors: something was logged, a container ended. Below `tasks`, since that is
        what the containers' uid may enter."""
        return self.tasks / "n.sock"

    def create(self) -> None:
        """Raises EngineUnavailableError for a folder that is somebody else's, or holds something else."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._close_to_others()
        for folder in (
            self.blobs,
            self.layers,
            self.mounts,
            self.volumes,
            self.tasks,
            self.gone,
            self.cache,
            self.runs,
            self.logs,
        ):
            folder.mkdir(exist_ok=True)

    def _close_to_others(self) -> None:
        """Nobody else on this machine gets past the root: below it lie sockets by which a caller counts as a
        container, logs, and files that everybody could read."""
        if not stat.S_IMODE(self.root.stat().st_mode) & 0o077:
            return
        is_ours = self.lock_file.exists() or self.database.exists()
        if not is_ours and any(entry.name != "start.lock" for entry in self.root.iterdir()):
            raise EngineUnavailableError(
                f"The folder {self.root} cannot be Homeport's home: others may enter it, and it holds other "
                "files. Set HOMEPORT_HOME to a folder of its own."
            )
        try:
            self.root.chmod(0o700)
        except PermissionError:
            raise EngineUnavailableError(
                f"The folder {self.root} cannot be Homeport's home: it belongs to another user, and others "
                "may enter it. Set HOMEPORT_HOME to a folder of your own."
            ) from None


def default_home() -> Home:
    """HOMEPORT_HOME, else the platform's user data folder. Raises EngineUnavailableError if there is none."""
    named = os.environ.get("HOMEPORT_HOME")
    if named:
        return Home(Path(named).expanduser().absolute())
    import platformdirs  # heavy enough to matter at a command's start

    try:
        return Home(Path(platformdirs.user_data_dir("homeport")))
    except RuntimeError:  # a number without an account, and HOME is not set
        raise EngineUnavailableError(
            "This user has no home folder. Set HOMEPORT_HOME to a folder for Homeport."
        ) from None
