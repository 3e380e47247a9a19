"""What one contract of homeport.toml asks of a run, as values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from posixpath import normpath
from typing import Literal

from homeport.model.errors import InvalidError
from homeport.plan.suggestions import closest
from homeport.record.contracts.patterns import Pattern

Scalar = str | int | float | bool
OnViolation = Literal["stop", "warn"]


@dataclass(frozen=True)
class Expectation:
    """A value, a range, or one of several values."""

    one_of: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def holds(self, seen: str) -> bool:
        if self.one_of:
            return any(equals(value, seen) for value in self.one_of)
        number = as_number(seen)
        if number is None or math.isnan(number):
            return False
        return not (
            (self.minimum is not None and number < self.minimum)
            or (self.maximum is not None and number > self.maximum)
        )

    @property
    def is_number(self) -> bool:
        """Whether it is one exact number."""
        return len(self.one_of) == 1 and is_number(self.one_of[0])

    def __str__(self) -> str:
        if self.one_of:
            return " or ".join(map(shown, self.one_of))
        if self.minimum is None:
            return f"at most {self.maximum:g}"
        if self.maximum is None:
            return f"at least {self.minimum:g}"
        return f"between {self.minimum:g} and {self.maximum:g}"


@dataclass(frozen=True)
class AllBut:
    """A condition that holds where none of these values is the run's: `{ not = … }`."""

    values: tuple[Scalar, ...]


Condition = tuple[Scalar, ...] | AllBut


@dataclass(frozen=True)
class When:
    """Which runs a contract is for; what is empty is not looked at. A condition holds where one of its
    values is the run's; texts may have * and ? in them."""

    function: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    arguments: Mapping[str, Condition] = field(default_factory=dict)
    config: Mapping[str, Condition] = field(default_factory=dict)  # dotted keys

    def of_call(self, app: str, function: str, arguments: Mapping[str, str]) -> bool:
        """All conditions but those on configuration, which is not opened yet when a function is called."""
        return (
            (not self.app or any(matches(wanted, app) for wanted in self.app))
            and (not self.function or any(is_function(wanted, function) for wanted in self.function))
            and all(holds(wanted, arguments.get(name)) for name, wanted in self.arguments.items())
        )

    def of_config(self, config: Mapping[str, str]) -> bool:
        return all(name in config and holds(wanted, config[name]) for name, wanted in self.config.items())

    def __str__(self) -> str:
        parts = [*(("function", self.function), ("app", self.app)), *self.arguments.items()]
        parts += [(f"config {name}", wanted) for name, wanted in self.config.items()]
        return ", ".join(f"{name} = {in_words(wanted)}" for name, wanted in parts if wanted) or "any call"


@dataclass(frozen=True)
class Terms:
    """One contract. Names of variables, files and folders may have * and ? in them."""

    name: str
    line: int = 0
    when: When = field(default_factory=When)
    forbid_env: tuple[str, ...] = ()
    require_env: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    observe: tuple[Pattern, ...] = ()
    expect: Mapping[str, Expectation] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    not_reads: tuple[str, ...] = ()
    not_writes: tuple[str, ...] = ()
    min_minutes: float | None = None
    max_minutes: float | None = None
    max_memory_gib: float | None = None
    apart_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_violation: OnViolation = "stop"


@dataclass(frozen=True)
class ContractFile:
    """`only`: the one contract that a run asked to be held to, whatever it calls; empty where conditions say
    which."""

    path: str = ""
    contracts: tuple[Terms, ...] = ()
    only: str = ""

    def named(self, name: str) -> Terms:
        """Raises InvalidError with the names that there are."""
        for terms in self.contracts:
            if terms.name == name:
                return terms
        names = [terms.name for terms in self.contracts]
        near = closest(name, names)
        hint = f"did you mean {near!r}?" if near else f"it has {', '.join(names) or 'none'}."
        raise InvalidError(f"{self.path} has no contract {name!r}; {hint}")

    def holding(self, name: str) -> "ContractFile":
        """The same with this contract for every call. The others stay: its values are compared with theirs.
        Raises InvalidError."""
        chosen = self.named(name)
        when = replace(chosen.when, app=(), arguments={}, config={})
        terms = tuple(replace(each, when=when) if each is chosen else each for each in self.contracts)
        return replace(self, contracts=terms, only=name)

    def of_call(self, app: str, function: str, arguments: Mapping[str, str]) -> list[Terms]:
        """Those whose conditions hold, but for what they ask of configuration."""
        if self.only:
            return [self.named(self.only)]
        return [terms for terms in self.contracts if terms.when.of_call(app, function, arguments)]


def holds(wanted: Condition, seen: str | None) -> bool:
    """Whether a run that has `seen` (None: nothing of that name) meets a condition."""
    if isinstance(wanted, AllBut):
        return seen is None or not any(matches(value, seen) for value in wanted.values)
    return seen is not None and any(matches(value, seen) for value in wanted)


def in_words(wanted: Condition) -> str:
    if isinstance(wanted, AllBut):
        return f"not {' or '.join(map(shown, wanted.values))}"
    return " or ".join(map(shown, wanted))


def matches(wanted: Scalar, seen: str) -> bool:
    """Whether a condition's value is what a run has. `./configs/full.yaml` is `configs/full.yaml`."""
    if not isinstance(wanted, str):
        return equals(wanted, seen)
    return equals(wanted, seen) or fnmatchcase(_plain(seen), _plain(wanted))


def is_function(wanted: str, tag: str) -> bool:
    """Whether a name is that of a function, or of the class of a method. Containers of a class serve
    `Trainer.*`, whatever the method."""
    owner, dot, rest = tag.partition(".")
    if fnmatchcase(tag, wanted) or (dot and fnmatchcase(owner, wanted)):
        return True
    return rest == "*" and wanted.partition(".")[0] == owner


def equals(value: Scalar, seen: str) -> bool:
    if isinstance(value, bool):
        return seen.strip().lower() == str(value).lower()
    if isinstance(value, str):
        return seen.strip() == value.strip()
    number = as_number(seen)
    return number is not None and math.isclose(number, value, rel_tol=1e-12)


def as_number(text: str) -> float | None:
    """Of `3734`, `3,734` and `0.97`."""
    try:
        return float(text.strip().replace(",", ""))
    except ValueError:
        return None


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(path: str) -> str:
    return normpath(path) if "/" in path else path
