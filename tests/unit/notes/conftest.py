"""Programs under notes, on every Python that containers may have and this machine has."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.unit.notes.noted import Noted


def _pythons() -> list[str]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = {sys.version_info[:2]: sys.executable}
    for path in sorted((root / "versions").glob("3.*/bin/python")):
        version = tuple(map(int, re.findall(r"\d+", path.parent.parent.name)[:2]))
        if version >= (3, 9):
            found.setdefault(version, str(path))
    return [found[version] for version in sorted(found)]


@pytest.fixture(params=_pythons(), ids=lambda path: re.sub(r".*/versions/|/bin/.*|.*/\\.", "", path))
def noted(request: pytest.FixtureRequest, tmp_path: Path) -> Noted:
    return Noted(tmp_path, request.param)
