"""Runs of examples/fifty_files as their records hold them, each with BGB_LIMIT_FILES by another road."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from homeport.record.explain.known import Known
from homeport.record.run import (
    Argument,
    Attempt,
    Call,
    Function,
    Launcher,
    Note,
    Place,
    Process,
    Run,
    ShellVariable,
    Source,
    SourceFile,
    Variable,
)

FIFTY = Path(__file__).parents[2] / "examples" / "fifty_files"
NAME = "BGB_LIMIT_FILES"
FOLDER = "/home/ann/fifty"
APP = "/root/app.py"
TRAIN = "/app/train.py"
BASH = Process(812, ("-bash",), "/home/ann")
FROM_DICT = "Secret.from_dict (st-1)"


def sources() -> dict[str, str]:
    return {APP: (FIFTY / "app.py").read_text(), TRAIN: (FIFTY / "train.py").read_text()}


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), key=b"salt", digest_size=16).hexdigest()


def reader(texts: dict[str, str]) -> Callable[[str, str], str | None]:
    by_digest = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts.values()}
    return lambda path, sha256: by_digest.get(sha256)


def known(
    texts: dict[str, str] | None = None,
    variables: Sequence[Variable] = (),
    notes: Sequence[Note] = (),
    shell: Sequence[ShellVariable] = (),
    launcher_notes: Sequence[Note] = (),
    config_path: str = "configs/full.yaml",
    came: str = "default",
    earlier: Sequence[Call] = (),
    run_id: str = "ap-1",
) -> Known:
    texts = texts or sources()
    files = tuple(
        SourceFile(path, hashlib.sha256(text.encode()).hexdigest()) for path, text in sorted(texts.items())
    )
    argument = Argument("config_path", f'"{config_path}"', came)  # type: ignore[arg-type]
    run = Run(
        run_id,
        app_id="ap-1",
        function="train",
        started_at=100.0,
        launcher=Launcher(
            ("modal", "run", "app.py::train"),
            FOLDER,
            900,
            parents=(BASH,),
            shell=tuple(shell),
            notes=tuple(launcher_notes),
        ),
        source=Source(f"{FOLDER}/app.py", files),
        functions=(Function("train", environment=(Variable("HOME", "platform", "/root"), *variables)),),
        calls=(Call("fc-2", "train", (argument,), 1, started_at=100.0),),
        attempts=(Attempt("ta-1", "train", started_at=90.0),),
        notes=tuple(replace(note, task_id="ta-1") for note in notes),
    )
    return Known(run, reader(texts), tuple(earlier))


def child(
    changes: dict[str, str] | None = None, texts: dict[str, str] | None = None, at: float = 102.0
) -> Note:
    """`train` starts train.py."""
    line = line_of((texts or sources())[APP], "subprocess.run(")
    argv = ("/usr/local/bin/python", "train.py", "--config", "configs/full.yaml")
    stack = (Place(APP, line, "train"),)
    return Note(at, 2, "child", argv=argv, changes=changes or {}, stack=stack)


def processes(at: float = 90.0) -> list[Note]:
    """The container's first process, and train.py's."""
    return [
        Note(at, 2, "process", argv=("python", "-m", "modal"), parent=1),
        Note(103.0, 9, "process", argv=("python3", "train.py", "--config", "configs/full.yaml"), parent=2),
    ]


def first_read() -> Note:
    line = line_of(sources()[TRAIN], "os.environ.get(")
    stack = (
        Place(TRAIN, line, "limit"),
        Place(TRAIN, line_of(sources()[TRAIN], "= limit("), "main"),
        Place(TRAIN, line_of(sources()[TRAIN], "main(yaml"), "<module>"),
    )
    return Note(104.0, 9, "read", NAME, "get", digest("50"), stack=stack)


def launcher_copy() -> Note:
    line = line_of(sources()[APP], "os.environ.items()")
    return Note(80.0, 900, "read", "", "copy", stack=(Place(f"{FOLDER}/app.py", line, "<module>"),))


DICT_LINE = line_of(sources()[APP], "Secret.from_dict(")
DECISION_LINE = line_of(sources()[APP], 'if "smoke" in')
SET_LINE = line_of(sources()[APP], f'env["{NAME}"] =')
READ_LINE = line_of(sources()[TRAIN], "os.environ.get(")
