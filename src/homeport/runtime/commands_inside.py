"""What the engine asks a container's supervisor about commands that run beside its own process.

Their output does not pass through here: exec_files.py reads it. What is asked is answered in
inside/execs.py.
"""

import os
import re
from typing import Final

from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError, ResourceExhaustedError
from homeport.runtime.engine import ExecSpec, Written
from homeport.runtime.launcher import memory_file
from homeport.runtime.requests import terminal
from homeport.runtime.supervised import Supervised

PIECE_BYTES: Final = 1024 * 1024  # of input at once
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")  # a folder's name, too


async def start(supervised: Supervised, spec: ExecSpec) -> None:
    """Returns once the command runs, or has said why it does not."""
    if not _ID.fullmatch(spec.exec_id):
        raise InvalidError(
            f"{spec.exec_id!r} is no id of a command: it has to be letters, digits and hyphens."
        )
    wanted = {
        "command": list(spec.command),
        "env": spec.env,
        "workdir": spec.workdir,
        "terminal": terminal(spec.terminal),
        "stdout": spec.stdout,
        "stderr": spec.stderr,
    }
    memory = memory_file(wanted)  # secrets and long arguments
    try:
        answer = await supervised.ask(
            {
                "op": "exec",
                "id": spec.exec_id,
                "timeout_s": spec.timeout_s,
                "ends_with_client": spec.ends_with_client,
            },
            [memory],
        )
    finally:
        os.close(memory)
    if answer.get("busy"):
        raise ResourceExhaustedError(f"{answer['error']}; wait until some of them have ended.")
    if "error" in answer:
        raise InvalidError(
            f"{spec.command[0]} could not be started in container {supervised.task_id}: {answer['error']}."
        )


async def write(supervised: Supervised, exec_id: str, offset: int, data: bytes, *, is_last: bool) -> Written:
    memory = os.memfd_create("input", os.MFD_CLOEXEC)
    try:
        os.pwrite(memory, data[:PIECE_BYTES], 0)
        answer = await supervised.ask(
            {
                "op": "write",
                "id": exec_id,
                "offset": offset,
                "is_last": is_last and len(data) <= PIECE_BYTES,
            },
            [memory],
        )
    finally:
        os.close(memory)
    if "offset" not in answer:
        raise NotFoundError(
            f"Container {supervised.task_id} has no command {exec_id} with an input: {answer['error']}."
        )
    if "error" in answer:
        raise FailedPreconditionError(
            f"The command in container {supervised.task_id} takes no input: {answer['error']}."
        )
    return Written(answer["offset"], answer["is_closed"], answer["is_full"])
