"""Why a call is made, where that is not to be seen from the call itself."""

from dataclasses import dataclass
from typing import Final

from homeport.record.run import Kind


@dataclass(frozen=True, slots=True)
class Origin:
    """`kind`: of the run that a call of a deployed function is; None where it is none. `peer`: the caller's
    connection."""

    kind: Kind | None = "call"
    peer: str = ""

    @property
    def is_run(self) -> bool:
        return self.kind is not None


BY_SCHEDULE: Final = Origin("schedule")
NO_RUN: Final = Origin(None)  # a web request, a step of a build
UNKNOWN: Final = Origin()
