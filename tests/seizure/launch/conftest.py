"""Configurations, folders and a training process that needs no data, for tests of the launcher."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seizure.config import Resolved, resolve
from seizure.launch import start

FULL = "name: tusz\nkind: full\ncache: {dir: cache/tusz}\ntraining: {steps: 100}\n"
SMOKE = (
    "name: smoke\nkind: smoke\ndata: {limit_files: 50, limit_val_files: 10}\n"
    "cache: {dir: cache/smoke}\ntraining: {steps: 100}\n"
)


@pytest.fixture
def configuration(tmp_path: Path) -> Callable[..., Resolved]:
    """`configuration(FULL, path="configs/full.yaml")`: the file, written and resolved."""

    def configuration(text: str, *overrides: str, path: str = "configs/run.yaml") -> Resolved:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return resolve(file, overrides)

    return configuration


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`training("print(folder)")`: what runs in the training process's place, with `folder` given."""

    def training(code: str) -> None:
        lines = ["import json, os, pathlib, signal, sys, time", "folder = pathlib.Path(sys.argv[1])", code]

        def command(folder: Path, *_: object) -> list[str]:
            return [sys.executable, "-c", "\n".join(lines), str(folder)]

        monkeypatch.setattr(start, "_command", command)

    return training
