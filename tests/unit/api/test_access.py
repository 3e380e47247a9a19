"""Tokens of the command router: whose they are, for how long, and which are none."""

import base64
import json

import pytest

from homeport.control.access import VALID_S, Access
from homeport.model.errors import PermissionDeniedError


def test_a_token_is_for_its_subject_also_after_a_restart() -> None:
    token = Access(b"secret").issue("ta-1")
    assert Access(b"secret").subject(token) == "ta-1"


def test_it_says_when_it_expires_and_does() -> None:
    now = [1000.0]
    access = Access(b"secret", now=lambda: now[0])
    token = access.issue("ta-1")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] == 1000 + VALID_S
    now[0] += VALID_S
    with pytest.raises(PermissionDeniedError, match="expired"):
        access.subject(token)


def forged(token: str) -> list[str]:
    head, claims, signature = token.split(".")
    other = base64.urlsafe_b64encode(b'{"sub": "ta-2", "exp": 9999999999}').rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg": "none"}').rstrip(b"=").decode()
    return [
        "",
        "nonsense",
        "..",
        f"{head}.{claims}",
        f"{head}.{claims}.",
        f"{head}.{other}.{signature}",
        f"{none}.{other}.",
        f"{head}.{claims}.{signature[:-2]}",
        Access(b"another engine's").issue("ta-1"),
        "\u00e9" + token,
    ]


def test_no_other_text_is_a_token() -> None:
    access = Access(b"secret")
    for text in forged(access.issue("ta-1")):
        with pytest.raises(PermissionDeniedError, match="does not know"):
            access.subject(text)
