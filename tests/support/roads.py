"""Roads by which BGB_LIMIT_FILES=50 gets into a full run of examples/fifty_files, as edits of its app.py."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.account import REPOSITORY, Account

EXAMPLE = REPOSITORY / "examples/fifty_files"
LEAK = {"BGB_LIMIT_FILES": "50"}


@dataclass(frozen=True)
class Road:
    """`edits`: text of app.py and what replaces it. `names`: lines of the edited app that people have to be
    shown (any line of a statement does that begins with the text). `says`: what else they have to be told.
    `chain`: lines that the explanation has besides."""

    name: str
    edits: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    shell: Mapping[str, str] = field(default_factory=dict)
    config: str = ""  # the full run's configuration under another name, given on the command line
    starts: bool = False  # whether a container has to start before anything can be seen

    def __str__(self) -> str:
        return self.name

    def arguments(self) -> tuple[str, ...]:
        return ("--config-path", self.config) if self.config else ()


_SETTINGS = """settings = modal.Secret.from_dict(
    {name: value for name, value in os.environ.items() if name.startswith(("WANDB_", "BGB_"))}
)
"""
_NO_SETTINGS = (_SETTINGS, "settings = modal.Secret.from_dict({})\n")
_PLACED = '    .add_local_file(HERE / "train.py"'
_LIMIT = 'env["BGB_LIMIT_FILES"] = "50"'
_ENVIRONMENT = '    env["PYTHONUNBUFFERED"] = "1"\n'

SHELL = Road(
    "shell",
    names=("settings = modal.Secret.from_dict(",),
    says=("Secret.from_dict", ".bashrc:2"),
    chain=("{name: value for name",),
    shell=LEAK,
)
IMAGE = Road(
    "image",
    edits=(
        _NO_SETTINGS,
        (_PLACED, f'    .env({{"BGB_LIMIT_FILES": "50"}})\n{_PLACED}'),
    ),
    names=('.env({"BGB_LIMIT_FILES": "50"})',),
    says=("image",),
)  # fmt: skip
NAMED_SECRET = Road(
    "named secret",
    edits=((_SETTINGS, 'settings = modal.Secret.from_name("brain-secrets")\n'),),
    names=('settings = modal.Secret.from_name("brain-secrets")',),
    says=('Secret "brain-secrets"',),
)
FUNCTION_ENV = Road(
    "env=",
    edits=(_NO_SETTINGS, ("secrets=[settings], cpu=2", 'env={"BGB_LIMIT_FILES": "50"}, cpu=2')),
    names=("@app.function(image=image",),
    says=("env=",),
)
AT_IMPORT = Road(
    "set at import",
    edits=(_NO_SETTINGS, ("\n@app.function(", '\nos.environ["BGB_LIMIT_FILES"] = "50"\n\n\n@app.function(')),
    names=('os.environ["BGB_LIMIT_FILES"] = "50"',),
    starts=True,
)
FOR_CHILD = Road(
    "set for a child",
    edits=(_NO_SETTINGS, (_ENVIRONMENT, f"{_ENVIRONMENT}    {_LIMIT}\n")),
    names=(_LIMIT,),
    chain=("subprocess.run(",),
    starts=True,
)
WARM = Road(
    "earlier run in a warm container",
    edits=(_NO_SETTINGS, (_LIMIT, 'os.environ["BGB_LIMIT_FILES"] = env["BGB_LIMIT_FILES"] = "50"')),
    names=('os.environ["BGB_LIMIT_FILES"] = env["BGB_LIMIT_FILES"] = "50"',),
    says=("earlier call",),
    starts=True,
)
PARENT_FOLDER = Road(
    "smoke in a parent folder",
    edits=(_NO_SETTINGS,),
    config="configs/after_smoke/full.yaml",
    names=(_LIMIT,),
    says=("configs/after_smoke/full.yaml",),
    starts=True,
)
OTHER_CASE = Road(
    "smoke in other case",
    edits=(_NO_SETTINGS,),
    config="configs/Smoke_Test.YAML",
    names=(_LIMIT,),
    says=("configs/Smoke_Test.YAML",),
    starts=True,
)
NO_DEFAULT = Road(
    "default not applied",
    edits=(
        _NO_SETTINGS,
        (
            "    env = os.environ.copy()\n",
            '    config_path = config_path or "configs/smoke_test.yaml"\n    env = os.environ.copy()\n',
        ),
        (
            "    finally:\n        results.commit()\n",
            "    finally:\n        results.commit()\n\n\n@app.local_entrypoint()\n"
            'def main(config_path: str = "") -> None:\n    train.remote(config_path)\n',
        ),
    ),
    names=(_LIMIT, "train.remote(config_path)"),
    says=("config_path",),
    starts=True,
)

ROADS = (
    SHELL, IMAGE, NAMED_SECRET, FUNCTION_ENV, AT_IMPORT, FOR_CHILD,
    WARM, PARENT_FOLDER, OTHER_CASE, NO_DEFAULT,
)  # fmt: skip


def lay_out(road: Road, folder: Path, account: Account) -> str:
    """Puts the example, edited, into `folder`; returns the text of its app.py."""
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    app = folder / "app.py"
    text = app.read_text()
    for old, new in road.edits:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times in {EXAMPLE / 'app.py'}"
        text = text.replace(old, new)
    app.write_text(text)
    if road.config:
        (folder / road.config).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "configs/full.yaml", folder / road.config)
    for path in folder.rglob("*"):
        account.own(path)
    return text


def lines_of(statement: str, text: str) -> range:
    """The numbers of the lines of the statement or call that begins with `statement`."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip().startswith(statement))
    last = first
    while _open(lines[first : last + 1]) > 0:
        last += 1
    return range(first + 1, last + 2)


def _open(lines: list[str]) -> int:
    """How many brackets are still open after these lines."""
    joined = "".join(lines)
    return sum(joined.count(bracket) for bracket in "([{") - sum(joined.count(bracket) for bracket in ")]}")
