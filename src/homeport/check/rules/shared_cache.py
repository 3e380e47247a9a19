"""Two configurations share a cache folder.

What is prepared once and kept, such as resampled recordings or tokens, was prepared by one configuration.
Another one that names the same folder but limits the files, or cuts other windows, finds it full and trains
on what is not its own. Give each a folder of its own, or put what decides the contents (a hash of these
settings) into the folder's name.

Settings of the training alone, such as a learning rate or a number of steps, may differ.

Bad:

    import modal

    app = modal.App("train")
    image = modal.Image.debian_slim().add_local_dir("configs", "/root/configs")
    results = modal.Volume.from_name("results", create_if_missing=True)

    @app.function(image=image, volumes={"/results": results})
    def train(config_path: str = "configs/full.json"):
        print(open(config_path).read())
    # file: configs/full.json
    {"cache": "/results/cache", "limit_files": null, "learning_rate": 0.1}
    # file: configs/smoke.json
    {"cache": "/results/cache", "limit_files": 50, "learning_rate": 0.2}

Good:

    import modal

    app = modal.App("train")
    image = modal.Image.debian_slim().add_local_dir("configs", "/root/configs")
    results = modal.Volume.from_name("results", create_if_missing=True)

    @app.function(image=image, volumes={"/results": results})
    def train(config_path: str = "configs/full.json"):
        print(open(config_path).read())
    # file: configs/full.json
    {"cache": "/results/cache/full", "limit_files": null, "learning_rate": 0.1}
    # file: configs/smoke.json
    {"cache": "/results/cache/smoke", "limit_files": 50, "learning_rate": 0.2}
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from homeport.check.facts import Facts
from homeport.check.findings import Finding, Severity
from homeport.check.rules._configs import parsed
from homeport.check.rules._yaml import Node, items, text_of
from homeport.check.values import Site

CODE = "HP306"

CACHE = re.compile(r"(^|[._-])cache([._-]|$)|_?cache_?(dir|path|folder|root)$", re.IGNORECASE)
NO_FOLDER = re.compile(r"^(true|false|yes|no|on|off|null|none|~|\d+)?$", re.IGNORECASE)
# What decides the contents of a cache, by the last word of a setting's name.
DECIDES = re.compile(
    r"(^|_)(limit|subset|files?|samples?|window|stride|hop|overlap|rate|hz|sampling|resample|resize|size|crop|channels?|"
    r"montage|lowpass|highpass|bandpass|notch|filter|normali[sz]e|normali[sz]ation|tokeni[sz]er|length|len|block|context|"
    r"mels?|fft|split|version|release|dataset|source|root|seconds?|features?|synthetic|classes|labels)(_|$)",
    re.IGNORECASE,
)
# What is of the training, whatever its name.
TRAINING = re.compile(
    r"^(train|training|trainer|optim\w*|scheduler|model|network|loss|log\w*|eval\w*|checkpoint\w*|gates|sampling|augment\w*)"
    r"\.|(^|\.)(lr|learning_rate|batch_size|epochs?|steps|max_steps|seed|workers|num_workers|weight_decay|warmup\w*|"
    r"dropout|hidden\w*|width|depth|name|experiment|run|comment|description|kind|checkpoints?|output\w*|results?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Config:
    """A configuration file: its settings, and their lines."""

    path: Path
    settings: dict[str, str]
    lines: dict[str, int]


def check(facts: Facts) -> Iterator[Finding]:
    by_folder: dict[tuple[Path, str], list[tuple[_Config, str]]] = {}
    for path, text in facts.project.texts.items():
        if "cache" not in text.lower() or path.suffix not in (".yaml", ".yml", ".toml", ".json"):
            continue
        root = parsed(path, text)
        if root is None or root.is_list:
            continue
        config = _Config(path, {}, {})
        _flatten(root, "", config)
        for key, value in config.settings.items():
            if CACHE.search(key) and not NO_FOLDER.match(value.strip()):
                by_folder.setdefault((path.parent, value.rstrip("/")), []).append((config, key))
    for (_, folder), named in by_folder.items():
        for (one, key), (other, other_key) in itertools.pairwise(named):
            if one is not other:
                yield from _compare(one, key, other, other_key, folder)


def _flatten(node: Node, above: str, config: _Config) -> None:
    for key, inner in items(node):
        name = f"{above}.{key}" if above else key
        if isinstance(inner.content, str):
            config.settings[name] = text_of(inner)
            config.lines[name] = inner.key_line or inner.line
        elif inner.is_list:
            config.settings[name] = ", ".join(text_of(item) for _, item in items(inner))
            config.lines[name] = inner.key_line or inner.line
        else:
            _flatten(inner, name, config)


def _compare(one: _Config, key: str, other: _Config, other_key: str, folder: str) -> Iterator[Finding]:
    differing = [
        name
        for name in dict.fromkeys((*one.settings, *other.settings))
        if one.settings.get(name) != other.settings.get(name) and name not in (key, other_key)
    ]
    deciding = [
        name for name in differing if not TRAINING.search(name) and DECIDES.search(name.rpartition(".")[2])
    ]
    severity: Severity = "warning" if deciding else "note"
    if not deciding and all(TRAINING.search(name) and not _is_name(name) for name in differing):
        return
    why = (
        f"though {_shown(deciding[0], one, other)}"
        if deciding
        else "which is right only while both prepare the same"
    )
    yield Finding(
        CODE,
        Site(one.path, one.lines[key]),
        f"{one.path.name} and {other.path.name} share the cache folder {folder}, {why}: the second to run "
        "takes what the first has prepared",
        severity,
        "",
        "give each configuration a cache folder of its own, or name the folder by a hash of what decides "
        "its contents",
        related=((Site(other.path, other.lines[other_key]), "the same folder here"),),
    )


def _is_name(setting: str) -> bool:
    return setting.rpartition(".")[2] in ("name", "experiment", "kind")


def _shown(name: str, one: _Config, other: _Config) -> str:
    first, second = one.settings.get(name, "not set"), other.settings.get(name, "not set")
    return f"{name} is {first or 'empty'} in the one and {second or 'empty'} in the other"
