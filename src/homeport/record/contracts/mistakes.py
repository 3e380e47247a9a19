"""What is wrong with a homeport.toml: every mistake with its place, said all at once."""

from dataclasses import dataclass, field

from homeport.model.errors import InvalidError
from homeport.plan.suggestions import closest
from homeport.record.contracts.locate import Locations, Path


@dataclass(frozen=True, order=True)
class Mistake:
    line: int
    column: int
    sentence: str

    def shown(self, file: str) -> str:
        return f"{file}:{self.line}:{self.column}: {self.sentence}"


class BadContractsError(InvalidError):
    """A homeport.toml with mistakes. The message has a line for each."""

    def __init__(self, file: str, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        super().__init__("\n".join(mistake.shown(file) for mistake in self.mistakes))


@dataclass
class Mistakes:
    """Gathers them while a document is read."""

    places: Locations
    found: list[Mistake] = field(default_factory=list)

    def at_key(self, path: Path, sentence: str) -> None:
        self.found.append(Mistake(*self.places.key(path), sentence))

    def at_value(self, path: Path, sentence: str) -> None:
        self.found.append(Mistake(*self.places.value(path), sentence))

    def unknown(self, path: Path, what: str, known: list[str]) -> None:
        near = closest(str(path[-1]), known)
        advice = f"did you mean `{near}`?" if near else f"known are {', '.join(known)}."
        self.at_key(path, f"unknown {what} `{path[-1]}`; {advice}")


def kind(value: object) -> str:
    """What TOML calls a value."""
    for types, name in (
        (bool, "a boolean"),
        (str, "a string"),
        (int | float, "a number"),
        (list, "an array"),
        (dict, "a table"),
    ):
        if isinstance(value, types):
            return name
    return "a date or time"
