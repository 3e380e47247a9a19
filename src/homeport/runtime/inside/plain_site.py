"""The sitecustomize of containers of plain processes: their own folder, in child processes too.

It stays open as a descriptor (inside/plain.py), which Python closes in what it starts unless told otherwise.
As the client's own sitecustomize, which it hides, it puts the client's dependencies last on the path and has
this Python take notes. Every Python of the container imports it, so it loads nothing that an interpreter has
not loaded already.
"""

import _posixsubprocess
import os
import sys

_ROOT = 500  # inside/plain.py; a test holds the two together
_fork_exec = _posixsubprocess.fork_exec


def _fork_exec_keeping(args, executables, close_fds, pass_fds, *rest):  # type: ignore[no-untyped-def]
    if close_fds and os.path.exists("/proc/self/fd/{}".format(_ROOT)):
        pass_fds = tuple(sorted({*pass_fds, _ROOT}))
    return _fork_exec(args, executables, close_fds, pass_fds, *rest)


_posixsubprocess.fork_exec = _fork_exec_keeping
# without it subprocess starts programs by _fork_exec, as before Python 3.13: the call closes all descriptors
vars(os).pop("POSIX_SPAWN_CLOSEFROM", None)
if "subprocess" in sys.modules:  # a .pth file's doing
    loaded = vars(sys.modules["subprocess"])
    loaded.update(_fork_exec=_fork_exec_keeping, _HAVE_POSIX_SPAWN_CLOSEFROM=False)
    del loaded
_modal = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(_modal, "deps"))
if os.access(os.path.join(_modal, "run/notes.jsonl"), os.W_OK):  # as in runtime/client_bundle.py
    _package = sys.modules["_homeport"] = type(sys)("_homeport")
    _package.__path__ = [os.path.join(_modal, "homeport")]
    try:
        from _homeport import notes  # type: ignore[import-not-found]

        notes.install_in_container(os.path.join(_modal, "run"))
        del notes
    except Exception:
        pass  # a program must not suffer from what is written down about it
    for _name in [name for name in sys.modules if name.partition(".")[0] == "_homeport"]:
        del sys.modules[_name]
