"""Results that the engine itself gives an input: timed out, cancelled, its container died."""

from modal_proto import api_pb2

_Result = api_pb2.GenericResult


def timed_out(input_id: str, timeout_s: float) -> api_pb2.GenericResult:
    return _Result(
        status=_Result.GENERIC_STATUS_TIMEOUT,
        exception=f"Task's current input {input_id} hit its timeout of {timeout_s:g}s",
    )


def terminated(reason: str) -> api_pb2.GenericResult:
    return _Result(status=_Result.GENERIC_STATUS_TERMINATED, exception=reason)


def failed(reason: str, exit_code: int = 0) -> api_pb2.GenericResult:
    return _Result(status=_Result.GENERIC_STATUS_FAILURE, exception=reason, exitcode=exit_code)
