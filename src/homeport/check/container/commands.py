"""What shell commands of an image's steps do to its files and packages, as far as reading tells.

Known are the installers, and commands that make a folder or nothing at all. Of any other it is said that it
may make files; and that it may install packages only where it says something of the kind.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from homeport.check.shell_lines import simple_commands

_HARMLESS = """
echo true ls pwd whoami id env printenv which type cat head tail grep nvidia-smi nvcc ldconfig chmod
chown rm rmdir export set unset umask test [ sleep date uname dpkg locale-gen update-alternatives
apt-mark apt-key add-apt-repository find du df free sync exit useradd groupadd chsh ssh-keyscan
"""
_PYTHON = re.compile(r"(?:/\S*/)?python(?:3(?:\.\d+)?)?")
_PIP = re.compile(r"(?:/\S*/)?pip3?(?:\.\d+)?")
_UV = re.compile(r"(?:/\S*/)?uv")
_GIT_LOOKS = frozenset({"init", "remote", "config", "fetch", "status", "log", "rev-parse", "--version"})
_WRITES_TO = {
    "wget": ("-O", "--output-document", "-P", "--directory-prefix"),
    "tar": ("-C", "--directory"),
    "unzip": ("-d",),
    "gunzip": (),
    "gzip": (),
}
_INSTALLS = re.compile(r"\b(install|pip|uv|conda|mamba|poetry|pdm|pipx|easy_install|setup\.py|make|clone)\b")
_RUNS_A_FILE = re.compile(r"\b(bash|sh|source|\.)\s+\S|\S+\.(py|sh)\b")
_WITH_VALUE = """
-i --index-url --extra-index-url -f --find-links -t --target --prefix --root --only-binary
--no-binary --trusted-host -C --config-settings --platform --python-version --index --default-index
--index-strategy --python -p --prerelease --root-user-action --progress-bar --constraint -c
--constraints --override --overrides --torch-backend --cache-dir --proxy --timeout --retries --abi
--implementation --src --upgrade-strategy --upgrade-package -P --reinstall-package
--no-build-isolation-package --link-mode --resolution --refresh-package --exclude-newer
--keyring-provider --cert --client-cert --log --report
"""


@dataclass(frozen=True)
class Effect:
    """`kind`: "require" (a requirement's text), "requirements" (a file of them, in the image), "target"
    (packages to a folder of their own), "apt" (Debian's packages), "folder" (made), "files" (anything
    below `text` may be made; "" for anywhere), "packages" (anything may be installed).
    """

    kind: Literal["require", "requirements", "target", "apt", "folder", "files", "packages"]
    text: str = ""


def effects(command: str) -> Iterator[Effect]:
    """In order. `cd` counts within the command: paths are relative to the step's folder or absolute."""
    folder = ""
    for words in _simple_commands(command):
        while words and (
            re.fullmatch(r"[A-Za-z_]\w*=.*", words[0]) or words[0] in ("sudo", "time", "exec", "nice")
        ):
            words = words[1:]
        if not words:
            continue
        if words[0] == "cd" and len(words) > 1:
            folder = _joined(folder, words[1])
            continue
        for effect in _effects_of(words):
            if effect.kind in ("folder", "files", "requirements", "target") and effect.text:
                effect = Effect(effect.kind, _joined(folder, effect.text))
            yield effect


def _simple_commands(command: str) -> list[list[str]]:
    try:
        return simple_commands(command)
    except ValueError:
        return [[command]]


def _effects_of(words: list[str]) -> Iterator[Effect]:
    name = words[0].rsplit("/", 1)[-1]
    plain = [word for word in words[1:] if not word.startswith("-")]
    installer = _installer(words)
    if installer is not None:
        yield from _installed(installer)
    elif any(word in (">", ">>") for word in words):
        yield Effect("files", words[-1])
    elif name in ("apt-get", "apt", "aptitude"):
        if plain[:1] == ["install"]:
            yield from (Effect("apt", package) for package in plain[1:])
    elif name == "mkdir":
        yield from (Effect("folder", folder) for word in plain for folder in _braced(word))
    elif name == "git":
        yield from _of_git(words)
    elif name == "touch":
        yield from (Effect("files", word) for word in plain)
    elif name in ("cp", "mv", "ln", "rsync"):
        yield Effect("files", plain[-1] if plain else "")
    elif name == "curl":
        if output := _option(words, ("-o", "--output", "--output-dir")):
            yield Effect("files", output)
        elif any(re.fullmatch(r"-\w*O\w*|--remote-name", word) for word in words):
            yield Effect("files", ".")
    elif name in _WRITES_TO:
        yield Effect("files", _option(words, _WRITES_TO[name]) or ".")
    elif name not in _HARMLESS.split() and not _only_asks(words):
        yield Effect("files")
        if _may_install(words):
            yield Effect("packages", " ".join(words))


def _may_install(words: list[str]) -> bool:
    text = " ".join(words)
    runs_module = bool(_PYTHON.fullmatch(words[0])) and "-m" in words[:3]
    return (
        runs_module or words[0] in ("sh", "bash") or bool(_INSTALLS.search(text) or _RUNS_A_FILE.search(text))
    )


def _option(words: list[str], names: tuple[str, ...]) -> str:
    """The value of an option, given beside it or with it: `-O x`, `-Ox`, `--output=x`."""
    for place, word in enumerate(words):
        for name in names:
            joined = len(name) == 2 and re.fullmatch(rf"-[A-Za-z]*{name[1]}", word)  # `-Lo x`
            if (word == name or joined) and place + 1 < len(words):
                return words[place + 1]
            if word.startswith(f"{name}=") or (len(name) == 2 and word.startswith(name) and word != name):
                return word[len(name) :].removeprefix("=")
    return ""


def _braced(word: str) -> list[str]:
    """`/app/{src,data}` as the shell has it: two words."""
    found = re.fullmatch(r"([^{}]*)\{([^{}]*)\}([^{}]*)", word)
    return [f"{found[1]}{part}{found[3]}" for part in found[2].split(",")] if found else [word]


def _only_asks(words: list[str]) -> bool:
    """Whether it is but a question after a version, or an import."""
    if words[-1] in ("--version", "-V", "--help", "-h"):
        return True
    return bool(
        _PYTHON.fullmatch(words[0])
        and len(words) == 3
        and words[1] == "-c"
        and re.fullmatch(r"\s*(import [\w., ]+|from [\w.]+ import [\w, ]+|print\([^()]*\)|[;\s]+)+", words[2])
    )


def _installer(words: list[str]) -> list[str] | None:
    """The words after `pip install` or `uv pip install`; None where it is another command."""
    if _PYTHON.fullmatch(words[0]) and words[1:3] == ["-m", "pip"]:
        words = ["pip", *words[3:]]
    elif _PYTHON.fullmatch(words[0]) and words[1:3] == ["-m", "uv"]:
        words = ["uv", *words[3:]]
    if _UV.fullmatch(words[0]) and words[1:2] == ["pip"]:
        words = ["pip", *words[2:]]
    if _PIP.fullmatch(words[0]) and words[1:2] == ["install"]:
        return words[2:]
    return None


def _installed(words: list[str]) -> Iterator[Effect]:
    if target := _option(words, ("--target", "-t", "--prefix", "--root")):
        yield Effect("target", target)
        return
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        name, _, value = word.partition("=")
        if word in ("-r", "--requirement", "--requirements"):
            yield Effect("requirements", words[at] if at < len(words) else "")
            at += 1
        elif name in ("--requirement", "--requirements"):
            yield Effect("requirements", value)
        elif word in ("-e", "--editable"):
            yield Effect("packages", f"pip install -e {words[at] if at < len(words) else ''}")
            at += 1
        elif word in _WITH_VALUE.split():
            at += 1
        elif "$" in word or "`" in word:
            yield Effect("packages", f"pip install {word}")
        elif not word.startswith("-"):
            yield Effect("require", word)


def _of_git(words: list[str]) -> Iterator[Effect]:
    if "clone" in words:
        yield _cloned(words)
    elif not _GIT_LOOKS.intersection(words[1:4]):
        yield Effect("files", _option(words, ("-C",)) or ".")


def _cloned(words: list[str]) -> Effect:
    """Where a repository comes to lie."""
    places = [word for word in words[words.index("clone") + 1 :] if not word.startswith("-")]
    address = next((word for word in places if "://" in word or "@" in word or word.endswith(".git")), "")
    if not address:
        return Effect("files")
    after = places[places.index(address) + 1 :]
    return Effect("files", after[0] if after else address.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git"))


def _joined(folder: str, path: str) -> str:
    if not folder or path.startswith("/"):
        return path
    return f"{folder.rstrip('/')}/{path}"
