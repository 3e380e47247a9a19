"""Values of a configuration file by their dotted keys, for contracts' conditions."""

import configparser
import json
import tomllib
from typing import Any, Final

_MOST: Final = 5000


def values_of(text: str, path: str) -> dict[str, str]:
    """`data.cache` -> `/results/cache`; nothing for what is no configuration or cannot be read."""
    try:
        document = _parsed(text, path.rpartition(".")[2].lower())
    except Exception:  # whatever is wrong with it: the run itself will say so
        return {}
    found: dict[str, str] = {}
    _flatten(document, "", found)
    return found


def argument_text(value: str) -> str:
    """An argument as its record has it, JSON, as a condition has it."""
    try:
        return as_text(json.loads(value))
    except ValueError:
        return value


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _parsed(text: str, suffix: str) -> Any:
    if suffix in ("yaml", "yml"):
        import yaml  # only where a condition asks for it

        return yaml.safe_load(text)
    if suffix == "json":
        return json.loads(text)
    if suffix == "toml":
        return tomllib.loads(text)
    if suffix in ("ini", "cfg", "conf"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        return {section: dict(parser[section]) for section in parser.sections()}
    return {}


def _flatten(value: Any, prefix: str, found: dict[str, str]) -> None:
    if len(found) >= _MOST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{prefix}.{key}" if prefix else str(key), found)
    elif prefix:
        found[prefix] = as_text(value)
