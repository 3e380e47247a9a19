"""Requests of commands to the running engine, over its HTTP port, with its token."""

import http.client
import json
import urllib.parse
from typing import Any

from homeport.cli import service
from homeport.model.errors import EngineUnavailableError, HomeportError
from homeport.model.home import Home, default_home


def ask(path: str, body: dict[str, object], *, timeout_s: float = 60) -> dict[str, Any]:
    """The engine's answer to POST /homeport/PATH. Raises HomeportError with its sentence."""
    home = default_home()
    address = urllib.parse.urlsplit(service.require(home).blob_url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=timeout_s)
    try:
        connection.request("POST", f"/homeport/{path}", json.dumps(body), _headers(home))
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    except OSError as error:
        raise EngineUnavailableError(
            f"The engine does not answer ({error}). Start it with: homeport up"
        ) from None
    finally:
        connection.close()
    if response.status != 200:
        raise HomeportError(text)
    answer: dict[str, Any] = json.loads(text)
    return answer


def _headers(home: Home) -> dict[str, str]:
    token = service.read_token(home)
    return {
        "Content-Type": "application/json",
        "x-modal-token-id": token.token_id,
        "x-modal-token-secret": token.token_secret,
    }
