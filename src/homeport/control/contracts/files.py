"""The homeport.toml of each app: found beside its file at its launch, kept with each deployed version."""

import logging
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec
from modal_proto import api_pb2

from homeport.control import deployments
from homeport.model.errors import HomeportError, InvalidError
from homeport.record.contracts.reading import decode
from homeport.record.contracts.terms import ContractFile
from homeport.record.launch import FILE_NAME, contract_asked, entry_candidates, folders_upwards
from homeport.record.run import Launcher
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_LARGEST: Final = 1 << 20
_ROLLBACK: Final = api_pb2.DEPLOYMENT_TYPE_ROLLBACK
_ROLLOVER: Final = api_pb2.DEPLOYMENT_TYPE_ROLLOVER


@dataclass(frozen=True)
class Held:
    """What holds an app to something: the contracts, and who launched it."""

    file: ContractFile
    launcher: Launcher
    entry: str = ""
    is_deployed: bool = False


class ContractFiles:
    """Of all apps of one engine."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, Held | None] = {}  # by app, of the version that is in effect

    def launched(self, app_id: str, launcher: Launcher | None) -> None:
        """Reads the file of an app that is about to be created or deployed. Raises BadContractsError with all
        mistakes of it."""
        self._known.pop(app_id, None)
        entry = entry_of(launcher) if launcher is not None else None
        path = contract_path(entry, launcher.cwd) if entry is not None and launcher is not None else None
        asked = contract_asked(launcher.argv) if launcher is not None else ""
        text = b""
        if path is not None:
            text = _read(path)
            _held_to(asked, decode(text, str(path)))
        elif asked:
            raise InvalidError(
                f"There is no {FILE_NAME} beside the app or above it, and so no contract {asked!r}."
            )
        version = self._version_to_come(app_id)
        if path is None and version == 0:
            self._known[app_id] = None
            return
        self._db.run(
            "app_contract_put",
            app_id=app_id,
            version=version,
            path=str(path or ""),
            text=text.decode("utf-8-sig"),
            launcher=msgspec.json.encode(launcher),
        )

    def of(self, app_id: str) -> Held | None:
        """What the app's newest version is held to; None where nothing is. Asked for each call."""
        if app_id not in self._known:
            self._known[app_id] = self._load(app_id)
        return self._known[app_id]

    async def published(self, app_id: str) -> None:
        """Another version of the app is in effect."""
        self._known.pop(app_id, None)

    def forget(self, app_id: str) -> None:
        """The app has stopped: nobody asks any more. Its runs' records say what they were held to."""
        self._known.pop(app_id, None)
        self._db.run("app_contracts_forget", app_id=app_id)

    # ---- inside

    def _version_to_come(self, app_id: str) -> int:
        row = self._db.one("app_by_id", app_id=app_id)
        if row is None or row["state"] != api_pb2.APP_STATE_DEPLOYED:
            return 0
        return deployments.newest_layout(self._db, app_id).version + 1

    def _load(self, app_id: str) -> Held | None:
        newest = deployments.newest_layout(self._db, app_id).version
        version = self._source_version(app_id, newest)
        row = self._db.one("app_contract", app_id=app_id, version=version)
        if row is None or not row["path"]:
            return None
        try:
            file = decode(row["text"].encode(), row["path"])
        except HomeportError:  # an older Homeport took what this one does not
            logger.exception("the contracts of %s", app_id)
            return None
        launcher = msgspec.json.decode(row["launcher"], type=Launcher | None) or Launcher()
        file = _held_to(contract_asked(launcher.argv), file)
        return Held(file, launcher, str(entry_of(launcher) or ""), newest > 0)

    def _source_version(self, app_id: str, version: int) -> int:
        """The version whose file counts: a rollback's is that of the version brought back."""
        rows = {row["version"]: row for row in deployments.versions(self._db, app_id)}
        while (row := rows.get(version)) is not None and row["type"] in (_ROLLBACK, _ROLLOVER):
            version = row["rollback_version"] if row["type"] == _ROLLBACK else version - 1
        has_own = self._db.one("app_contract", app_id=app_id, version=version) is not None
        return version if has_own or version != 1 else 0  # deployed by an app that began as a run


def entry_of(launcher: Launcher) -> Path | None:
    """The file with the app; None where the command line names none that is there."""
    for candidate in entry_candidates(launcher.argv, launcher.cwd):
        path = Path(candidate)
        if path.is_file():
            return path
    return None


def contract_path(entry: Path, cwd: str) -> Path | None:
    """homeport.toml beside the app's file, or in a folder above it, up to the root of its repository; where
    it is in none, up to the folder that the command was typed in."""
    root = next((folder for folder in entry.parents if (folder / ".git").exists()), None)
    if root is None and Path(cwd) in entry.parents:
        root = Path(cwd)
    for folder in folders_upwards(PurePosixPath(entry), PurePosixPath(root) if root else None):
        path = Path(folder) / FILE_NAME
        if path.is_file():
            return path
    return None


def _held_to(asked: str, file: ContractFile) -> ContractFile:
    """Raises InvalidError where the file has no contract of the name that was typed."""
    return file.holding(asked) if asked else file


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise InvalidError(f"{path} is larger than 1 MiB, which no {FILE_NAME} is; nothing was run.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidError(f"{path} cannot be read ({error.strerror}); nothing was run.") from None
