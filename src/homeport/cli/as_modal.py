"""`python as_modal.py NOTES COUNT WORDS SCRIPT ARGS`: becomes `SCRIPT ARGS`, the modal command, with notes.

WORDS, so many as COUNT says, are what was typed behind `homeport`, for whoever looks at this process.

Run by path, by launch_notes.py. The script runs in this interpreter as if it had been started itself: what it
and the user's app can see of this file is nothing. Loads what an interpreter has loaded already, and
runtime/inside/notes.py, of which no module is left.
"""

import os
import sys


def _take_notes(file: str) -> None:
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/"
    package = sys.modules["_homeport"] = type(sys)("_homeport")
    package.__path__ = [ours + "runtime/inside"]
    try:
        from _homeport import notes  # type: ignore[import-not-found]

        scripts = os.path.dirname(sys.argv[0]) + "/"
        notes.install(
            file, os.path.join(os.path.dirname(file), "notes.key"), (ours, scripts), needs_user=True
        )
    except Exception:
        pass  # the command must not suffer from what is written down about it
    for name in [name for name in sys.modules if name.partition(".")[0] == "_homeport"]:
        del sys.modules[name]


def _look_like(words: list[str]) -> None:
    sys.argv[:] = words
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.orig_argv[0], *words]
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(words[0])


def _run(script: str) -> None:
    with open(script, "rb") as file:
        program = compile(file.read(), script, "exec")
    main = vars(sys.modules["__main__"])
    for name in [name for name in main if name not in ("__name__", "__builtins__")]:
        del main[name]
    main.update(
        __file__=script, __doc__=None, __package__=None, __spec__=None, __loader__=None, __cached__=None
    )
    exec(program, main)


_file = sys.argv[1]
_look_like(sys.argv[3 + int(sys.argv[2]) :])
_take_notes(_file)
_run(sys.argv[0])
