"""A configuration file and the code do not have the same keys

A key that is misspelt in a YAML, TOML or JSON file is read by nobody, and the code goes on with its
default; a key that the code reads and the file lacks is a KeyError, in the container. The check looks for
each key of the file that a function runs with in the app's own code, as text, as a name or as a field, and
for each `config["training"]["lr"]` of the code in the file.

Where code hands a whole section on (`**config["optimizer"]`), its keys are the library's, and nothing is
said of them.

Bad:
    # command: app.py::train -- --config-path configs/smoke.yaml
    import modal

    image = modal.Image.debian_slim().pip_install("pyyaml").add_local_dir("configs", "/root/configs")
    app = modal.App("cats", image=image)

    @app.function()
    def train(config_path: str):
        import yaml

        with open(config_path) as file:
            config = yaml.safe_load(file)
        print(config["training"]["steps"], config["name"])
    # file: configs/smoke.yaml
    name: smoke
    trainig:
      steps: 10

Good:
    # command: app.py::train -- --config-path configs/smoke.yaml
    import modal

    image = modal.Image.debian_slim().pip_install("pyyaml").add_local_dir("configs", "/root/configs")
    app = modal.App("cats", image=image)

    @app.function()
    def train(config_path: str):
        import yaml

        with open(config_path) as file:
            config = yaml.safe_load(file)
        print(config["training"]["steps"], config["name"])
    # file: configs/smoke.yaml
    name: smoke
    training:
      steps: 10
"""

import ast
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from homeport.check.facts import Facts, Function, Module
from homeport.check.findings import Finding
from homeport.check.rules._configs import configs_of, parsed, started
from homeport.check.rules._given import site_of
from homeport.check.rules._yaml import Node, items
from homeport.check.syntax import lines_with
from homeport.check.values import Site
from homeport.plan import suggestions

CODE = "HP506"

_ROOTS = re.compile(r"(?:\w+_)?(?:config|cfg|conf|settings|params|hparams)", re.IGNORECASE)
_READ = re.compile(r"[gfsGFS]\s*\[\s*[\"']")  # quick, and in every text that has a root with a key
_ROOT_READ = re.compile(r"(?:config|cfg|conf|settings|params|hparams)\[[\"']", re.IGNORECASE)
_READ = re.compile(
    r"""\b((?:\w+_)?(?:config|cfg|conf|settings|params|hparams))((?:\[["'][\w-]+["']\])+)""", re.IGNORECASE
)
_HANDED_ON = re.compile(r"(?<!def )\b(\w+)\((?:[^()]*,)?\s*\*\*\s*[A-Za-z_]")
_IS_MERGED = re.compile(r"merge|\.update\(|setdefault|defaults?\b|OmegaConf|hydra|ChainMap|\|=|argparse")
_BASE = re.compile(r"_?(?:base|bases|defaults?|extends|inherits?|include|parent)_?")
_CLASS = re.compile(r"^\s*class\s+(\w+)", re.MULTILINE)
_KEY = re.compile(r"""(?m)(?:^|[{,])[\s-]*["']?([A-Za-z_][\w-]*)["']?\s*:""")
_WORD = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True)
class _Read:
    """`config["a"]["b"]` in the code; `root` is what the dictionary is called there."""

    root: str
    keys: tuple[str, ...]
    module: Module
    node: ast.expr


def check(facts: Facts) -> Iterator[Finding]:
    said = set[tuple[Path, str]]()
    for function, typed in started(facts):
        for path, text in configs_of(facts, function, typed):
            for finding in _of(facts, function, path, text):
                key = (finding.site.path, finding.message)
                if key not in said:
                    said.add(key)
                    yield finding


def _of(facts: Facts, function: Function, path: Path, text: str) -> Iterator[Finding]:
    """The file is taken apart only where something may be wrong: that takes longer than all else here."""
    texts = tuple(_texts(facts).values())
    words = _words(texts)
    if _may_be_unread(path, text, texts, words) or _may_lack(facts, text):
        root = parsed(path, text)
        if root is not None:
            reads = [read for module in facts.modules.values() for read in _reads(module)]
            yield from _unread(function, path, root, texts, words)
            yield from _lacking(facts, function, path, root, reads)


def _may_be_unread(path: Path, text: str, texts: tuple[str, ...], words: frozenset[str]) -> bool:
    names = {name.replace("-", "_") for name in (_WORD if path.suffix == ".toml" else _KEY).findall(text)}
    left = [name for name in names - words if _WORD.fullmatch(name)]
    if not left or any(_is_slip(word, name) for name in left for word in _alike(words, name)):
        return bool(left)
    return not _is_handed_on(texts) and _is_read_by_key(names, words)


def _may_lack(facts: Facts, text: str) -> bool:
    for module in facts.modules.values():
        asked: dict[str, list[list[str]]] = {}
        for root, chain in _chains(module.text):
            asked.setdefault(root, []).append(_WORD.findall(chain))
        for chains in asked.values():
            first = {keys[0] for keys in chains if keys}
            if sum(key in text for key in first) * 2 >= len(first) and any(
                key not in text for keys in chains for key in keys
            ):
                return True
    return False


@lru_cache(maxsize=128)
def _chains(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(_READ.findall(text))


@lru_cache(maxsize=4)
def _by_first_letter(words: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in sorted(words):
        found.setdefault(word[0].lower(), []).append(word)
    return found


def _alike(words: frozenset[str], name: str) -> list[str]:
    """Those that begin as a name does, and are as long, more or less."""
    likely = _by_first_letter(words).get(name[0].lower(), [])
    return [word for word in likely if abs(len(word) - len(name)) <= 2]


def _texts(facts: Facts) -> Mapping[Path, str]:
    return {**{path: module.text for path, module in facts.modules.items()}, **facts.project.scripts}


@lru_cache(maxsize=4)
def _words(texts: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for text in texts:
        found.update(_WORD.findall(text))
    return frozenset(found)


def _unread(
    function: Function, path: Path, root: Node, texts: tuple[str, ...], words: frozenset[str]
) -> Iterator[Finding]:
    have = {name for name, _ in _keys(root)}
    is_handed_on: bool | None = None
    for name, node in _keys(root):
        plain = name.replace("-", "_")
        if not name or plain in words or name in words or not _WORD.fullmatch(name):
            continue
        near = next((word for word in _alike(words, plain) if _is_slip(word, plain)), "")
        if not near:
            is_handed_on = _is_handed_on(texts) if is_handed_on is None else is_handed_on
            if is_handed_on or not _is_read_by_key(have, words):
                continue
        yield Finding(
            CODE,
            Site(path, node.key_line or node.line, node.key_column),
            f"{name} of {path.name} is read nowhere in the app's code" + (f"; {near} is" if near else ""),
            "warning" if near else "note",
            function.name,
            fix=f"Write {near}." if near else f"Leave {name} out, or read it.",
        )


@lru_cache(maxsize=4)
def _is_handed_on(texts: tuple[str, ...]) -> bool:
    """Whether keys are passed on by `**` to something that is not the app's own class."""
    callees = {callee for text in texts for callee in _HANDED_ON.findall(text)}
    own = {name for text in texts for name in _CLASS.findall(text)}
    return bool(callees - own)


def _is_read_by_key(keys: set[str], words: frozenset[str]) -> bool:
    """Whether the code reads most of the file's keys by their names, and so would the others, too."""
    return bool(keys) and len(keys & words) * 2 > len(keys)


def _is_slip(word: str, name: str) -> bool:
    """Whether one may be the other, misspelt."""
    if word[0].lower() != name[0].lower() or abs(len(word) - len(name)) > 2 or len(name) < 4:
        return False
    one, other = word.lower(), name.lower()
    if one == other or re.sub(r"\d", "", one) == re.sub(r"\d", "", other):
        return False  # beta1 and beta2
    matcher = difflib.SequenceMatcher(None, one, other)
    return matcher.real_quick_ratio() >= 0.8 and matcher.quick_ratio() >= 0.8 and matcher.ratio() >= 0.8


def _keys(node: Node) -> Iterator[tuple[str, Node]]:
    for name, child in items(node):
        if name:
            yield name, child
        if not child.is_list or not name:
            yield from _keys(child)


def _lacking(
    facts: Facts, function: Function, path: Path, root: Node, reads: list[_Read]
) -> Iterator[Finding]:
    """Keys that the code reads by brackets and the file has not, where it has others of the same config."""
    of_this_file = _of_this_file(root, reads)
    for read in reads:
        missing = _missing(root, read.keys) if (read.module.path, read.root) in of_this_file else None
        if missing is None or f'"{missing[1]}" in ' in read.module.text:
            continue
        near = suggestions.closest(missing[1], [name for name, _ in items(missing[0])])
        if not near and (_IS_MERGED.search(read.module.text) or not _is_plain(facts, root)):
            continue
        yield Finding(
            CODE,
            site_of(read.module, read.node),
            f'{read.root} is asked for "{missing[1]}", and {path.name} has no such key'
            + (f"; it has {near}" if near else ""),
            "warning",
            function.name,
            fix=f"Write the same name in both: {missing[1]}."
            if near
            else f"Add {missing[1]} to {path.name}.",
        )


def _is_plain(facts: Facts, root: Node) -> bool:
    """Whether the file stands alone: no key of it names another one to begin from, and no code merges any."""
    if any(_BASE.fullmatch(name) for name, _ in items(root)):
        return False
    return not any(_IS_MERGED.search(text) for text in _texts(facts).values())


def _of_this_file(root: Node, reads: list[_Read]) -> set[tuple[Path, str]]:
    """The dictionaries of the code, by module and name, that are this file: it has half of what they are read
    for, or more."""
    asked: dict[tuple[Path, str], set[str]] = {}
    for read in reads:
        asked.setdefault((read.module.path, read.root), set()).add(read.keys[0])
    there = {name for name, _ in items(root)}
    return {place for place, keys in asked.items() if len(keys & there) * 2 >= len(keys)}


@lru_cache(maxsize=1024)  # asked for each configuration file
def _reads(module: Module) -> tuple[_Read, ...]:
    lines = lines_with(module, _READ)
    found: list[_Read] = []
    for statement in module.tree.body if lines else ():
        if not any(statement.lineno <= line <= (statement.end_lineno or 0) for line in lines):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                root, keys = _chain(node)
                if keys:
                    found.append(_Read(root, keys, module, node))
    return tuple(found)


def _chain(node: ast.expr) -> tuple[str, tuple[str, ...]]:
    keys: list[str] = []
    while isinstance(node, ast.Subscript):
        if not isinstance(node.slice, ast.Constant) or not isinstance(node.slice.value, str):
            return "", ()
        keys.insert(0, node.slice.value)
        node = node.value
    if isinstance(node, ast.Name) and _ROOTS.fullmatch(node.id):
        return node.id, tuple(keys)
    return "", ()


def _missing(root: Node, keys: tuple[str, ...]) -> tuple[Node, str] | None:
    """Where a chain of keys ends in a file: the section, and the key that it has not."""
    node = root
    for key in keys:
        inside = dict(items(node))
        if not inside or node.is_list:
            return None  # no section, so the chain is of something else
        if key not in inside:
            return node, key
        node = inside[key]
    return None
