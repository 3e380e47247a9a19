"""The one table from error types to gRPC status codes."""

import grpc

from homeport.model import errors

STATUS: dict[type[errors.HomeportError], grpc.StatusCode] = {
    errors.NotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
    errors.InvalidError: grpc.StatusCode.INVALID_ARGUMENT,
    # not UNIMPLEMENTED, which the client takes for an old server and may work around
    errors.NotServedError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.PermissionDeniedError: grpc.StatusCode.UNAUTHENTICATED,
    errors.FailedPreconditionError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ResourceExhaustedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.ContainerStartError: grpc.StatusCode.FAILED_PRECONDITION,
}


def status_of(error: errors.HomeportError) -> grpc.StatusCode:
    """The status of the nearest class in the table, FAILED_PRECONDITION where none is."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return grpc.StatusCode.FAILED_PRECONDITION
