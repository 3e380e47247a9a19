"""homeport.toml as contracts, or all of its mistakes at once."""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

from homeport.plan.suggestions import closest
from homeport.record.contracts import overlap
from homeport.record.contracts.locate import Locations, Path
from homeport.record.contracts.mistakes import BadContractsError, Mistake, Mistakes, kind
from homeport.record.contracts.observing import NAME
from homeport.record.contracts.patterns import BadPatternError, Pattern
from homeport.record.contracts.reading_expectations import read_expectations
from homeport.record.contracts.terms import AllBut, Condition, ContractFile, Terms, When
from homeport.record.launch import FILE_NAME

_SYNTAX: Final = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)"
)
_VARIABLE: Final = re.compile(r"[A-Za-z_*?\[][A-Za-z0-9_*?\[\]!-]*")
_NOT_ARGUMENTS: Final = ("function", "app", "config", "arguments")


def read(text: str, file: str = FILE_NAME) -> ContractFile:
    """Raises BadContractsError, whose lines begin with `file`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadContractsError(file, [_syntax_mistake(error, text)]) from None
    reader = _Reader(Mistakes(Locations(text)))
    contracts = reader.document(document)
    if reader.mistakes.found:
        raise BadContractsError(file, reader.mistakes.found)
    return ContractFile(file, contracts)


def decode(data: bytes, file: str = FILE_NAME) -> ContractFile:
    """A file's bytes. Raises BadContractsError."""
    try:
        return read(data.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = (before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise BadContractsError(file, [Mistake(*place, "this is not UTF-8, as TOML has to be.")]) from None


def _syntax_mistake(error: tomllib.TOMLDecodeError, text: str) -> Mistake:
    found = _SYNTAX.fullmatch(str(error))
    what = found["what"] if found else str(error)
    if found and found["line"]:
        place = int(found["line"]), int(found["column"])
    else:
        lines = text.rstrip("\n").split("\n")
        place = len(lines), len(lines[-1]) + 1
    return Mistake(*place, f"this is no TOML: {what[:1].lower()}{what[1:]}.")


class _Reader:
    """Reads on after each mistake. A value that is wrong is left out of what it answers."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.mistakes = mistakes
        self._fields: Mapping[str, Callable[[Path, Any], Any]] = {
            "when": self._when,
            "forbid_env": self._variables,
            "require_env": self._variables,
            "env": self._environment,
            "observe": self._patterns,
            "reports": self._reported,
            "expect": lambda path, value: read_expectations(self.mistakes, path, value),
            "reads": self._paths,
            "writes": self._paths,
            "not_reads": self._paths,
            "not_writes": self._paths,
            "max_minutes": self._bound,
            "min_minutes": self._bound,
            "max_memory_gib": self._bound,
            "apart_from": self._apart_from,
            "on_violation": self._on_violation,
        }

    def document(self, document: Mapping[str, Any]) -> tuple[Terms, ...]:
        for key in document:
            if key != "contract":
                self.mistakes.unknown((key,), "key", ["contract"])
        tables = document.get("contract", {})
        if not isinstance(tables, dict):
            self.mistakes.at_key(
                ("contract",), f"`contract` is {kind(tables)}; contracts are tables such as [contract.full]."
            )
            return ()
        contracts = [self._contract(name, value) for name, value in tables.items()]
        read_ones = tuple(terms for terms in contracts if terms is not None)
        for terms in read_ones:
            self._known_contracts(terms, read_ones)
        self._overlaps(read_ones)
        return read_ones

    def _contract(self, name: str, table: Any) -> Terms | None:
        path: Path = ("contract", name)
        if name in self._fields or not isinstance(table, dict):
            what = (
                f"key `{name}` outside of a contract" if name in self._fields else f"`{name}`: {kind(table)}"
            )
            self.mistakes.at_key(path, f"{what}; contracts are tables such as [contract.full].")
            return None
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in self._fields:
                self.mistakes.unknown((*path, key), "key", list(self._fields))
                continue
            found = self._fields[key]((*path, key), value)
            if found is not None:
                values[key] = found
        reported = values.pop("reports", None)
        terms = Terms(name=name, line=self.mistakes.places.key(path)[0], **values)
        self._visible(path, terms, table, reported)
        self._sensible(path, terms)
        return terms

    # ---- one key each; None for a value that is wrong

    def _when(self, path: Path, value: Any) -> When | None:
        if not self._is_table(path, value):
            return None
        table = dict(value)
        explicit = table.get("arguments", {})
        config = table.get("config", {})
        arguments = {k: ((*path, k), v) for k, v in table.items() if k not in _NOT_ARGUMENTS}
        if self._is_table((*path, "arguments"), explicit):
            arguments |= {k: ((*path, "arguments", k), v) for k, v in explicit.items()}
        keys: dict[str, tuple[Path, Any]] = {}
        if self._is_table((*path, "config"), config):
            keys = _flat((*path, "config"), config)
        return When(
            function=self._names((*path, "function"), table.get("function")),
            app=self._names((*path, "app"), table.get("app")),
            arguments=self._conditions(arguments),
            config=self._conditions(keys),
        )

    def _names(self, path: Path, value: Any) -> tuple[str, ...]:
        return () if value is None else self._strings(path, value, "a name") or ()

    def _conditions(self, given: Mapping[str, tuple[Path, Any]]) -> dict[str, Condition]:
        found: dict[str, Condition] = {}
        for name, (path, value) in given.items():
            is_not = _is_not(value)
            inner = value["not"] if is_not else value
            values = inner if isinstance(inner, list) else [inner]
            if wrong := [item for item in values if not isinstance(item, str | int | float | bool)]:
                self.mistakes.at_value(
                    path,
                    f"a condition is a string, number or boolean, an array of them, or {{ not = … }}, "
                    f"not {kind(wrong[0])}.",
                )
            elif not values:
                self.mistakes.at_value(path, "a condition with no value can never hold.")
            else:
                found[name] = AllBut(tuple(values)) if is_not else tuple(values)
        return found

    def _variables(self, path: Path, value: Any) -> tuple[str, ...] | None:
        return self._strings(path, value, "a variable's name", _VARIABLE)

    def _environment(self, path: Path, value: Any) -> dict[str, str] | None:
        if not self._is_table(path, value):
            return None
        found: dict[str, str] = {}
        for name, wanted in value.items():
            if isinstance(wanted, str):
                found[name] = wanted
            elif isinstance(wanted, int | float) and not isinstance(wanted, bool):
                found[name] = str(wanted)
            else:
                self.mistakes.at_value(
                    (*path, name), f"a variable's value is a string, not {kind(wanted)}; put it into quotes."
                )
        return found

    def _patterns(self, path: Path, value: Any) -> tuple[Pattern, ...] | None:
        texts = self._strings(path, value, "a pattern")
        found: list[Pattern] = []
        for number, text in enumerate(texts or ()):
            at = (*path, number) if isinstance(value, list) else path
            try:
                pattern = Pattern(text)
            except BadPatternError as error:
                self.mistakes.at_value(at, f"this pattern does not compile: {error}.")
                continue
            if not pattern.names:
                self.mistakes.at_value(
                    at, r"this pattern has no named group, so it shows nothing; name one: (?P<train>\d+)"
                )
                continue
            found.append(pattern)
        return None if texts is None else tuple(found)

    def _reported(self, path: Path, value: Any) -> tuple[str, ...] | None:
        return self._strings(path, value, "a name", NAME)

    def _paths(self, path: Path, value: Any) -> tuple[str, ...] | None:
        found = self._strings(path, value, "a path")
        for number, text in enumerate(found or ()):
            if not text.startswith(("/", "*")):
                self.mistakes.at_value(
                    (*path, number) if isinstance(value, list) else path,
                    f"`{text}` is no path of a container: it has to begin with / (or *).",
                )
        return found

    def _bound(self, path: Path, value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.mistakes.at_value(path, f"`{path[-1]}` is a number, not {kind(value)}.")
        elif not math.isfinite(value) or value <= 0:
            self.mistakes.at_value(path, f"`{path[-1]}` has to be more than 0, and finite.")
        else:
            return float(value)
        return None

    def _apart_from(self, path: Path, value: Any) -> dict[str, tuple[str, ...]] | None:
        if not self._is_table(path, value):
            return None
        found = {name: self._strings((*path, name), names, "a name", NAME) for name, names in value.items()}
        return {name: names for name, names in found.items() if names}

    def _on_violation(self, path: Path, value: Any) -> str | None:
        if value in ("stop", "warn"):
            return str(value)
        self.mistakes.at_value(path, '`on_violation` is "stop" or "warn".')
        return None

    # ---- what concerns several keys

    def _visible(self, path: Path, terms: Terms, table: Mapping[str, Any], reported: Any) -> None:
        """Names of expectations have to be names that something can show. A line `::homeport NAME=…` can show
        any, unless `reports` says which there are; one that is nearly a pattern's is taken for a slip."""
        groups = {name for pattern in terms.observe for name in pattern.names}
        if len(terms.observe) < len(_listed(table.get("observe"))):
            return  # a pattern that does not compile may have it
        expected = [(name, (*path, "expect", name)) for name in table.get("expect", ()) if terms.expect]
        expected += [
            (name, (*path, "apart_from", other))
            for other, names in terms.apart_from.items()
            for name in names
        ]
        for name, at in expected:
            if name in groups or name in (reported or ()):
                continue
            free = [group for group in [*groups, *(reported or ())] if group not in terms.expect]
            near = closest(name, free)
            rest = f"; did you mean `{near}`?" if near else ", and `reports` does not name it."
            if reported is not None or near:
                self.mistakes.at_key(at, f"no pattern of `observe` shows `{name}`{rest}")

    def _sensible(self, path: Path, terms: Terms) -> None:
        if terms.min_minutes and terms.max_minutes and terms.min_minutes > terms.max_minutes:
            self.mistakes.at_value((*path, "min_minutes"), "`min_minutes` is more than `max_minutes`.")
        for name in terms.env.keys() | set(terms.require_env):
            if name in terms.forbid_env:
                self.mistakes.at_key((*path, "forbid_env"), f"`{name}` is forbidden and asked for.")
        for one, other in (("reads", "not_reads"), ("writes", "not_writes")):
            for text in set(getattr(terms, one)) & set(getattr(terms, other)):
                self.mistakes.at_key((*path, other), f"`{text}` is in `{one}`, too.")

    def _known_contracts(self, terms: Terms, all_of_them: tuple[Terms, ...]) -> None:
        path: Path = ("contract", terms.name, "apart_from")
        others = [other.name for other in all_of_them if other is not terms]
        for name in terms.apart_from:
            if name == terms.name:
                self.mistakes.at_key((*path, name), "a contract cannot be apart from itself.")
            elif name not in others:
                self.mistakes.unknown((*path, name), "contract", others or ["none"])

    def _overlaps(self, contracts: tuple[Terms, ...]) -> None:
        for first, second in overlap.pairs(contracts):
            self.mistakes.at_key(
                ("contract", second.name),
                f"a run can match both [contract.{first.name}] ({first.when}) and [contract.{second.name}] "
                f"({second.when}); give one of them a condition in `when` that the other contradicts.",
            )

    # ---- types

    def _is_table(self, path: Path, value: Any) -> bool:
        if isinstance(value, dict):
            return True
        self.mistakes.at_value(path, f"`{path[-1]}` is a table, not {kind(value)}.")
        return False

    def _strings(
        self, path: Path, value: Any, what: str, form: re.Pattern[str] | None = None
    ) -> tuple[str, ...] | None:
        """A string or an array of them."""
        found: list[str] = []
        for number, item in enumerate(_listed(value)):
            at = (*path, number) if isinstance(value, list) else path
            if not isinstance(item, str):
                self.mistakes.at_value(at, f"`{path[-1]}` takes {what} as a string, not {kind(item)}.")
            elif not item.strip():
                self.mistakes.at_value(at, f"{what} cannot be empty.")
            elif form is not None and not form.fullmatch(item):
                self.mistakes.at_value(at, f"`{item}` cannot be {what}.")
            else:
                found.append(item)
        return tuple(found)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _is_not(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["not"]


def _flat(path: Path, table: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Path, Any]]:
    """`{ data = { cache = 1 } }` as `data.cache`."""
    found: dict[str, tuple[Path, Any]] = {}
    for key, value in table.items():
        if isinstance(value, dict) and not _is_not(value):
            found |= _flat((*path, key), value, f"{prefix}{key}.")
        else:
            found[prefix + key] = ((*path, key), value)
    return found
