"""Reads a configuration once, with overrides, and keeps for each value where it came from.

The configuration is any pydantic model; a field that is a mapping from names to models is a section whose
names are free, and may hold dots.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from training_kit import files
from training_kit.errors import ConfigError

Values = dict[str, Any]
C = TypeVar("C", bound=BaseModel)
LITERAL = re.compile(r"literal\['(.*)'\]")  # pydantic's name for a word that may stand in a value's place


@dataclass(frozen=True, slots=True)
class Resolved(Generic[C]):
    """A configuration and each value's origin, by dotted key: `default`, FILE:LINE or `--set`."""

    config: C
    path: str  # as it was given
    origins: dict[str, str]

    def lines(self) -> Iterator[str]:
        """One line a value: `training.steps = 400  (configs/smoke_test.yaml:31)`."""
        for key, value in flatten(self.config.model_dump(mode="json")).items():
            yield f"{key} = {json.dumps(value)}  ({self.origins[key]})"

    def compact_lines(self) -> Iterator[str]:
        """The same, all defaults of a section on one line: a log's reader sees what was chosen."""
        defaults: dict[str, list[str]] = {}
        for key, value in flatten(self.config.model_dump(mode="json")).items():
            text = f"{key} = {json.dumps(value)}"
            if self.origins[key] == "default":
                defaults.setdefault(key.partition(".")[0], []).append(text)
            else:
                yield f"{text}  ({self.origins[key]})"
        for settings in defaults.values():
            yield f"{'; '.join(settings)}  (default)"

    def save(self, path: Path) -> None:
        """Writes it to `path`, whole or not at all."""
        text = {"path": self.path, "config": self.config.model_dump(mode="json"), "origins": self.origins}
        files.write_text(path, json.dumps(text, indent=1) + "\n")


def load_resolved(path: Path, model: type[C]) -> Resolved[C]:
    """What `Resolved.save` wrote. Raises ConfigError where the file is missing or no such thing."""
    try:
        saved = json.loads(path.read_text())
        return Resolved(model.model_validate(saved["config"]), saved["path"], saved["origins"])
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; is this a run's folder?") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not a saved configuration: {error}") from None


def resolve(path: str | Path, model: type[C], overrides: Sequence[str] = ()) -> Resolved[C]:
    """Reads the YAML file `path` as a `model` and applies KEY=VALUE overrides, values in YAML.

    One override may hold several, divided by commas: `a.b=1,c=2`. Raises ConfigError with all that is wrong.
    """
    if not str(path):
        raise ConfigError("no configuration is named: its path is empty; the configurations are in configs/")
    values, origins = _read(Path(path))
    for key, value in _pairs(overrides):
        _put(values, _place(key, model), value)
        for old in [old for old in origins if old == key or old.startswith(key + ".")]:
            del origins[old]
        for below in flatten({key: value}):
            origins[below] = f"--set {key}"
    try:
        config = model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error, origins, model)}") from None
    complete = {key: origins.get(key, "default") for key in flatten(config.model_dump(mode="json"))}
    return Resolved(config, str(path), complete)


def flatten(values: Values, prefix: str = "") -> Values:
    """Nested mappings as one, keys joined by dots; an empty mapping is a value."""
    flat: Values = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + str(key)] = value
    return flat


def _read(path: Path) -> tuple[Values, dict[str, str]]:
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; the configurations are in configs/") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}: should be a mapping of settings")
    return values, dict(_marks(node, str(path)))


def _marks(node: yaml.MappingNode, path: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if name in seen:
            raise ConfigError(f"{path}:{key.start_mark.line + 1}: {name} stands twice")
        seen.add(name)
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _marks(value, path, name + ".")
        else:
            yield name, f"{path}:{key.start_mark.line + 1}"


def _pairs(overrides: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for text in overrides:
        for part in re.split(r",(?=[a-z_0-9]+(?:\.[^=,]+)?=)", text):
            key, equals, value = part.partition("=")
            if not equals or not key.strip():
                raise ConfigError(f"--set {part}: should be KEY=VALUE, such as training.steps=100")
            try:
                yield key.strip(), yaml.safe_load(value)
            except yaml.YAMLError:
                raise ConfigError(f"--set {part}: the value is not YAML") from None


def _put(values: Values, place: Sequence[str], value: Any) -> None:
    *sections, last = place
    for section in sections:
        below = values.setdefault(section, {})
        if not isinstance(below, dict):
            raise ConfigError(f"--set {'.'.join(place)}: {section} is a value, not a section")
        values = below
    values[last] = value


def _place(key: str, model: type[BaseModel]) -> list[str]:
    """The key's parts; in a section of free names all between the first and the last dot is one of them."""
    first, dot, rest = key.partition(".")
    field = model.model_fields.get(first)
    if not dot or field is None or get_origin(field.annotation) is not dict:
        return key.split(".")
    name, _, last = rest.rpartition(".")
    return [first, name, last] if name else [first, last]


def _explain(error: ValidationError, origins: dict[str, str], model: type[BaseModel]) -> str:
    """All that is wrong. Where a word may stand for a value, pydantic says two things: one is kept."""
    words: dict[tuple[int | str, ...], str] = {}
    kept = []
    for detail in error.errors():
        place = detail["loc"]
        word = LITERAL.fullmatch(str(place[-1])) if place else None
        if word:
            words[place[:-1]] = word[1]
        else:
            kept.append(detail)
    return "; ".join(_explain_one(detail, origins, words, model) for detail in kept)


def _explain_one(
    detail: Any, origins: dict[str, str], words_at: dict[tuple[int | str, ...], str], model: type[BaseModel]
) -> str:
    place = detail["loc"]
    word = words_at.get(place[:-1])
    key = ".".join(str(part) for part in (place[:-1] if word else place))
    if detail["type"] == "extra_forbidden":
        near = _near(key, model)
        words = f"{key} is no setting" + (f"; did you mean {near}?" if near else "")
    elif detail["type"] == "missing":
        words = f"{key} is missing"
    else:
        words = f"{key}: {detail['msg']}" if key else detail["msg"]
        words = words.replace("Value error, ", "") + (f", or be `{word}`" if word else "")
    origin = origins.get(key)
    return f"{words} ({origin})" if origin else words


def _near(key: str, model: type[BaseModel]) -> str:
    """The setting that `key` may mean: of that name in another section, or spelt nearly so; or ""."""
    known = list(settings(model))
    elsewhere = [name for name in known if name.endswith(f".{key.rpartition('.')[2]}")]
    return next(iter(elsewhere or get_close_matches(key, known, n=1)), "")


def settings(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every setting of a model, by dotted key."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
