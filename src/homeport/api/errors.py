"""The one table from error types to gRPC status codes."""

from homeport.api.grpc_server import Status
from homeport.model import errors

STATUS: dict[type[errors.HomeportError], Status] = {
    errors.NotFoundError: Status.NOT_FOUND,
    errors.AlreadyExistsError: Status.ALREADY_EXISTS,
    errors.InvalidError: Status.INVALID_ARGUMENT,
    # not UNIMPLEMENTED, which the client takes for an old server and may work around
    errors.NotServedError: Status.FAILED_PRECONDITION,
    errors.PermissionDeniedError: Status.UNAUTHENTICATED,
    errors.FailedPreconditionError: Status.FAILED_PRECONDITION,
    errors.ResourceExhaustedError: Status.RESOURCE_EXHAUSTED,
    errors.ContainerStartError: Status.FAILED_PRECONDITION,
}


def status_of(error: errors.HomeportError) -> Status:
    """The status of the nearest class in the table, FAILED_PRECONDITION where none is."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return Status.FAILED_PRECONDITION
