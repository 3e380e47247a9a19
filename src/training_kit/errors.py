"""What can go wrong in any pipeline. A pipeline's own errors are made from UserError, and caught by it."""


class UserError(Exception):
    """Anything a user can act on. The message says what happened, to what, and what to do next."""


class ConfigError(UserError):
    """A configuration, or an override of it, that cannot be used."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged or does not fit."""


class FetchError(UserError):
    """A download that cannot go on. What is complete, and the parts of the rest, stay where they are."""


class FetchStopError(FetchError):
    """A failure that the other files would meet as well: the disk is full, the server cannot be reached."""


class DivergenceError(UserError):
    """The loss or its gradient is no number any more."""
