"""What this machine offers to containers, as `status` and `doctor` show it."""

from homeport.model.home import Home


def limits(home: Home) -> dict[str, str]:
    """The mechanism that holds each limit here, or a sentence that none does."""
    return {}
