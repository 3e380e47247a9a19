"""A root file system that the accounts of one test session share: the first engine makes it."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.account import Account

CONTAINER_UID = 1_900_000_000  # who owns the layers of an engine that root runs


class SharedRoot:
    """What the first account's engine made, kept for the others."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hpr-", dir="/tmp"))

    def lend(self, account: Account) -> bool:
        """Puts it into the home of this account's engine, where it was made before."""
        layer = next((path for path in self._folder.iterdir() if path.is_dir()), None)
        if layer is None or (account.engine_home / "l" / layer.name).exists():
            return layer is not None
        owner = CONTAINER_UID if account.uid == 0 else account.uid
        for name in (layer.name, f"{layer.name}.json"):
            copy = account.engine_home / "l" / f"tmp-{name}"
            subprocess.run(["cp", "-a", self._folder / name, copy], check=True)
            if os.geteuid() == 0:
                subprocess.run(["chown", "-R", "--no-dereference", f"{owner}:{owner}", copy], check=True)
            copy.rename(account.engine_home / "l" / name)
        return True

    def keep(self, account: Account) -> None:
        """Takes a copy, in links, of what this account's engine made."""
        for facts in (account.engine_home / "l").glob("*.json"):
            found = json.loads(facts.read_text())
            if found.get("kind") == "debian root" and not (self._folder / facts.name).exists():
                subprocess.run(["cp", "-al", facts.with_suffix(""), self._folder], check=True)
                shutil.copy2(facts, self._folder)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
