"""`python as_modal.py NOTES THEN COUNT WORDS SCRIPT ARGS`: becomes `SCRIPT ARGS`, the modal command,
with notes.

WORDS, so many as COUNT says, are what was typed behind `homeport`, for whoever looks at this process. THEN, a
module or nothing, is run once the script has ended with a status, and may end with another.

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


def _run_before(module: str, script: str) -> None:
    """Runs the script, then the module, once all that the script leaves to the end of the process is done."""
    import atexit
    from time import time

    since = time()
    status: list[int] = []

    def leave() -> None:
        if not status:  # it ended by an exception, or a signal
            return
        import os  # nothing of this file is there any more
        import subprocess
        import sys

        sys.stdout.flush()
        line = [sys.executable, "-I", "-m", module, str(os.getpid()), str(since), str(status[0])]
        try:
            last = subprocess.call(line)
        except KeyboardInterrupt:
            last = 130
        if last != status[0]:
            os._exit(last)

    atexit.register(leave)
    try:
        _run(script)
        status.append(0)
    except SystemExit as end:
        status.append(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


_file, _then = sys.argv[1:3]
_look_like(sys.argv[4 + int(sys.argv[3]) :])
_take_notes(_file)
if _then:
    _run_before(_then, sys.argv[0])
else:
    _run(sys.argv[0])
