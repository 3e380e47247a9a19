"""A registry's user name and password, out of a Secret's variables. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homeport.model.errors import InvalidError, NotServedError

_HELP = (
    "A registry's Secret has to hold REGISTRY_USERNAME and REGISTRY_PASSWORD, SERVICE_ACCOUNT_JSON (Google's "
    "Artifact Registry), or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION (AWS's ECR)"
)


@dataclass(frozen=True)
class Login:
    """What a registry is shown."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class AwsKeys:
    """What AWS gives a login for."""

    key_id: str
    secret_key: str = field(repr=False)
    region: str
    session_token: str = field(default="", repr=False)


def read_login(values: Mapping[str, str]) -> Login | AwsKeys | None:
    """None without variables. Raises InvalidError for a Secret that holds no login."""
    if not values:
        return None
    if "REGISTRY_USERNAME" in values and "REGISTRY_PASSWORD" in values:
        return Login(values["REGISTRY_USERNAME"], values["REGISTRY_PASSWORD"])
    if "SERVICE_ACCOUNT_JSON" in values:
        return Login("_json_key", values["SERVICE_ACCOUNT_JSON"])
    if all(name in values for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")):
        return AwsKeys(
            values["AWS_ACCESS_KEY_ID"],
            values["AWS_SECRET_ACCESS_KEY"],
            values["AWS_REGION"],
            values.get("AWS_SESSION_TOKEN", ""),
        )
    if "AWS_ROLE_ARN" in values:
        raise NotServedError(
            "Homeport does not serve AWS_ROLE_ARN in a registry's Secret: only Modal's cloud can show AWS "
            "who it is. Use AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION."
        )
    raise InvalidError(f"{_HELP}; this one holds {', '.join(sorted(values))}.")
