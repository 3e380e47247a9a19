"""Forms that change something: read, and held to the token that their page carried."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from homeport.model.errors import InvalidError, PermissionDeniedError
from homeport.web.pages.door import Door

_MOST_BYTES = 64 << 10


async def read_form(request: Request, door: Door) -> dict[str, str]:
    """The fields of a form. Raises PermissionDeniedError without the session's token, InvalidError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise InvalidError("The form is too long.")
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if not door.is_form_token(request.state.session, fields.get("token", "")):
        raise PermissionDeniedError("This form is of another session. Load its page again, and send it then.")
    return fields
