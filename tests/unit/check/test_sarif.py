"""What is said of every rule's bad examples, as SARIF, held to the schema of SARIF 2.1.0 (OASIS).

The table has the properties that are written, each with what the schema demands of it; the schema allows no
others in these objects than its own.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from homeport.check.preflight import Result
from homeport.check.rendering import sarif
from homeport.check.rendering.places import Places
from homeport.check.rules import Example, Rule, documentation, rules
from tests.support.check import check

Demand: TypeAlias = Callable[[Any], bool] | str | list[str]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_position(value: Any) -> bool:
    return isinstance(value, int) and value >= 1


def is_index(value: Any) -> bool:
    return isinstance(value, int) and value >= -1


def is_uri_reference(value: Any) -> bool:
    return re.fullmatch(r"(?:file://)?[\w./~%!$&'()*+,;=:@-]+", value) is not None


def is_one_of(*allowed: str) -> Callable[[Any], bool]:
    return lambda value: value in allowed


# object to property to what it has to be: a test, an object, or a list of objects. `*` is required, `+` a
# list that is not empty, `!` one of which no two are alike.
SCHEMA: dict[str, dict[str, Demand]] = {
    "sarifLog": {"$schema": is_text, "*version": is_one_of("2.1.0"), "*runs": ["run"]},
    "run": {
        "*tool": "tool",
        "columnKind": is_one_of("utf16CodeUnits", "unicodeCodePoints"),
        "originalUriBaseIds": lambda value: all(map(is_text, value)),
        "results": ["result"],
    },
    "tool": {"*driver": "toolComponent"},
    "toolComponent": {"*name": is_text, "version": is_text, "!rules": ["reportingDescriptor"]},
    "reportingDescriptor": {
        "*id": is_text,
        "name": is_text,
        "shortDescription": "multiformatMessageString",
        "fullDescription": "multiformatMessageString",
        "help": "multiformatMessageString",
    },
    "multiformatMessageString": {"*text": is_text},
    "message": {"*text": is_text},
    "result": {
        "ruleId": is_text,
        "ruleIndex": is_index,
        "level": is_one_of("none", "note", "warning", "error"),
        "*message": "message",
        "locations": ["location"],
        "!relatedLocations": ["location"],
        "!fixes": ["fix"],
    },
    "location": {
        "id": is_index,
        "physicalLocation": "physicalLocation",
        "!logicalLocations": ["logicalLocation"],
        "message": "message",
    },
    "physicalLocation": {"*artifactLocation": "artifactLocation", "region": "region"},
    "artifactLocation": {"uri": is_uri_reference, "uriBaseId": is_text},
    "region": {
        "*startLine": is_position,
        "startColumn": is_position,
        "endLine": is_position,
        "endColumn": is_position,
    },
    "logicalLocation": {"name": is_text, "kind": is_text},
    "fix": {"description": "message", "*!+artifactChanges": ["artifactChange"]},
    "artifactChange": {"*artifactLocation": "artifactLocation", "*+replacements": ["replacement"]},
    "replacement": {"*deletedRegion": "region", "insertedContent": "artifactContent"},
    "artifactContent": {"text": is_text},
}


def wrong(value: Any, kind: str, at: str) -> Iterator[str]:
    """What breaks the schema, each with where."""
    demands = {name.lstrip("*!+"): (name, demand) for name, demand in SCHEMA[kind].items()}
    yield from (f"{at} has {name}" for name in value.keys() - demands.keys())
    for name, (marked, demand) in demands.items():
        if name not in value:
            if "*" in marked:
                yield f"{at} has no {name}"
            continue
        found = value[name]
        if isinstance(demand, str):
            yield from wrong(found, demand, f"{at}.{name}")
        elif isinstance(demand, list):
            texts = [json.dumps(item, sort_keys=True) for item in found]
            if ("+" in marked and not texts) or ("!" in marked and len(set(texts)) < len(texts)):
                yield f"{at}.{name} is {found}"
            for number, item in enumerate(found):
                yield from wrong(item, demand[0], f"{at}.{name}[{number}]")
        elif not demand(found):
            yield f"{at}.{name} is {found!r}"


def rendered(example: Example, folder: Path) -> Mapping[str, Any]:
    for name, text in example.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    typed = {name: example.typed.get(name, "") for name in ("command", "run")}
    shell, secrets = (example.typed.get(name, "").split() for name in ("shell", "secrets"))
    result: Result = check(folder, next(iter(example.files)), variables=shell, secrets=secrets, **typed)  # type: ignore[arg-type]
    log = json.loads(sarif.render(result, Places(result.reports, folder)))
    assert isinstance(log, dict)
    return log


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.CODE)
def test_the_findings_of_a_rule_keep_to_the_schema(rule: Rule) -> None:
    for example in documentation(rule).bad:
        with tempfile.TemporaryDirectory() as name:
            log = rendered(example, Path(name).resolve())
        assert not list(wrong(log, "sarifLog", "log"))


def test_a_log_that_breaks_the_schema_is_told() -> None:
    with tempfile.TemporaryDirectory() as name:
        log: Any = rendered(
            Example({"app.py": "import modal\napp = modal.App('a')\n)\n"}), Path(name).resolve()
        )
    (run,) = log["runs"]
    assert not list(wrong(log, "sarifLog", "log"))
    run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    run["results"][0]["fixes"] = [{"artifactChanges": []}]
    run["results"][0]["snippet"] = {}
    del run["tool"]["driver"]["name"]
    assert len(list(wrong(log, "sarifLog", "log"))) == 4
