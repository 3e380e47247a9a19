"""Every error that a caller can act on. The message says what happened, to what, and what to do next.

`api/errors.py` maps each class to a gRPC status; the command line prints the message and exits with 1.
"""


class HomeportError(Exception):
    """The root of all errors that Homeport raises on purpose."""


class NotFoundError(HomeportError):
    """A named or numbered thing does not exist."""


class AlreadyExistsError(HomeportError):
    """A name is taken."""


class InvalidError(HomeportError):
    """The request is malformed, or asks for something that cannot be."""


class NotServedError(HomeportError):
    """An option, image step or RPC of Modal's that Homeport does not serve yet: refused by name."""


class PermissionDeniedError(HomeportError):
    """The caller showed no token, a wrong one, or may not do this."""


class FailedPreconditionError(HomeportError):
    """The thing exists but is in no state for this, such as a stopped app."""


class ResourceExhaustedError(HomeportError):
    """A limit is reached: disk, size, number."""


class EngineUnavailableError(HomeportError):
    """No engine answers, or the engine cannot start."""


class ContainerStartError(HomeportError):
    """A container could not be started on this machine."""
