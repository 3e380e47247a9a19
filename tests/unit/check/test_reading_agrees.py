"""What is read of an app is what the real client makes of it, imported in a process of its own."""

import sys
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pytest

from homeport.check.facts import App, Function, Image, Made, Secret, Step, Volume
from homeport.check.loading import load_app
from homeport.check.reading import read_app
from homeport.check.source import Sources
from homeport.check.values import FromShell, Unknown

REPOSITORY = Path(__file__).resolve().parents[3]
APPS = {
    "deploy/modal/app.py": "",
    "src/train_dit.py": "",
    "tests/apps/speech/modal_finetune.py": "",
    "tests/apps/detector/finetune.py": "",
    "tests/apps/lora/src/train.py": "src.train",
}


def plain(value: Any) -> Any:
    """A value without its places, to be compared."""
    match value:
        case PurePath():
            return str(value)
        case list() | tuple():
            return tuple(plain(item) for item in value)
        case Mapping():
            return {plain(key): plain(item) for key, item in value.items()}
        case Made():
            return value.name, plain(value.args), plain(value.options)
        case Image():
            return tuple(plain(step) for step in value.steps)
        case Step():
            return value.method, plain(value.args), plain(value.options)
        case Volume():
            return value.kind, plain(value.name), plain(value.options), value.read_only
        case Secret():
            return value.kind, plain(value.args), plain(value.options)
        case FromShell():
            return plain(value.default)
        case Unknown():
            return "?"
    return value


def described(function: Function) -> dict[str, Any]:
    return {
        "options": plain(function.options),
        "image": plain(function.image),
        "volumes": plain(function.volumes),
        "secrets": plain(function.secrets),
        "parameters": [(one.name, one.annotation, one.default, one.kind) for one in function.parameters],
        "decorators": plain(function.decorators),
        "methods": {
            name: [parameter.name for parameter in method[1]] for name, method in function.methods.items()
        },
        "line": (function.module.path, function.node.lineno, function.kind),
    }


@pytest.mark.parametrize("app", APPS)
def test_the_client_makes_the_same(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GPUS", "EXTRA_INDEX", "ALLOW_WANDB", "GPU_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    path, name, sources = REPOSITORY / app, APPS[app], Sources()
    folder = path.parents[1] if name else REPOSITORY
    entry = sources.read(path, name)
    read = read_app(entry, sources, folder)
    loaded = load_app(
        path,
        entry,
        as_module=bool(name),
        python=Path(sys.executable),
        folder=folder,
        timeout_s=60,
        sources=sources,
        source_app=read,
    )
    assert isinstance(loaded, App), loaded
    assert read.unknown == () and plain(read.name) == plain(loaded.name)
    found = {function.name: described(function) for function in read.functions}
    expected = {function.name: described(function) for function in loaded.functions}
    assert without_doubts(found) == without_doubts(expected)


def without_doubts(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Secrets that the shell decides on, and their values, are told by neither in the same way."""
    for function in found.values():
        for where in (function, function["options"]):
            if "secrets" in where:
                where["secrets"] = [one[0] for one in where["secrets"] if one != "?"]
    return found
