"""Errors as HTTP answers: the sentence as plain text."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from homeport.model import errors
from homeport.record.codec import DamagedRecordError

_STATUS: dict[type[errors.HomeportError], int] = {
    errors.NotFoundError: 404,
    errors.AlreadyExistsError: 409,
    errors.InvalidError: 400,
    errors.PermissionDeniedError: 403,
    errors.FailedPreconditionError: 409,
    errors.ResourceExhaustedError: 507,
    DamagedRecordError: 422,
}


async def answer_error(request: Request, error: Exception) -> Response:
    # the rest of the body is not read: the connection cannot be used again
    return PlainTextResponse(str(error), status_of(error), headers={"Connection": "close"})


def status_of(error: Exception) -> int:
    """The nearest class in the table decides; 400 where none is."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 400)
