"""From a client's request to run a command to what the runtime starts."""

from collections.abc import Iterable

from modal_proto import api_pb2
from modal_proto import task_command_router_pb2 as router_pb2

from homeport.control.protocols import SecretSource
from homeport.model.errors import InvalidError
from homeport.runtime.engine import ExecSpec, Terminal

_NULL_STDOUT = router_pb2.TASK_EXEC_STDOUT_CONFIG_DEVNULL
_LATER_S = 0.5  # the client knows its time is over by itself, and says so in its own way
_STDERR = {
    router_pb2.TASK_EXEC_STDERR_CONFIG_DEVNULL: "null",
    router_pb2.TASK_EXEC_STDERR_CONFIG_PIPE: "pipe",
    router_pb2.TASK_EXEC_STDERR_CONFIG_STDOUT: "stdout",
}


class ExecRequests:
    def __init__(self, secrets: SecretSource) -> None:
        self._secrets = secrets

    def spec(self, request: router_pb2.TaskExecStartRequest) -> ExecSpec:
        """Raises InvalidError, NotFoundError for a secret that is gone."""
        if not request.command_args:
            raise InvalidError("A command to run in a container has to have a name.")
        if request.workdir and not request.workdir.startswith("/"):
            raise InvalidError(f"workdir has to be an absolute path, and {request.workdir!r} is none.")
        has_terminal = request.HasField("pty_info") and request.pty_info.enabled
        return ExecSpec(
            exec_id=request.exec_id,
            command=tuple(request.command_args),
            env=self._env(request, has_terminal),
            workdir=request.workdir,
            terminal=terminal_of(request.pty_info) if has_terminal else None,
            stdout="null" if request.stdout_config == _NULL_STDOUT else "pipe",
            stderr=_STDERR.get(request.stderr_config, "pipe"),
            timeout_s=request.timeout_secs + _LATER_S if request.timeout_secs else 0.0,
            ends_with_client=has_terminal and not request.pty_info.no_terminate_on_idle_stdin,
        )

    def _env(self, request: router_pb2.TaskExecStartRequest, has_terminal: bool) -> dict[str, str]:
        env = terminal_variables(request.pty_info) if has_terminal else {}
        for secret_id in request.secret_ids:
            env.update(self._secrets.values(secret_id))
        env.update(request.env)
        return env | secret_variables(self._secrets, request.secret_sources)


def secret_variables(secrets: SecretSource, sources: Iterable[api_pb2.SecretSource]) -> dict[str, str]:
    """The variables of secrets, of which some come with the request; later ones win."""
    env: dict[str, str] = {}
    for source in sources:
        if source.WhichOneof("source") == "secret_id":
            env.update(secrets.values(source.secret_id))
        else:
            env.update(source.env.contents)
    return env


def terminal_of(info: api_pb2.PTYInfo) -> Terminal:
    return Terminal(info.winsz_rows, info.winsz_cols)


def terminal_variables(info: api_pb2.PTYInfo) -> dict[str, str]:
    """What programs need to know of the client's terminal."""
    found = {
        "TERM": info.env_term or "xterm-256color",
        "COLORTERM": info.env_colorterm,
        "TERM_PROGRAM": info.env_term_program,
    }
    return {name: value for name, value in found.items() if value}
