"""RUN steps that are nothing but `pip install …`, translated to the same installation by uv.

uv resolves and installs many times faster. Only what means the same to both is translated; for a step with
anything else the answer is None, and pip itself runs. What the client writes for Image.uv_pip_install is uv's
already; it is taken apart too, so that packages get there by hard links and bytecode from a cache.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

# characters that a shell would act on; in a translated step it gets none of them unquoted
_SHELL_TOKENS = set("();<>|&\n")
_SHELL_INSIDE = re.compile(r"[$`*?\[\]{}~!#]")
_PIP = re.compile(r"pip3?(\.\d+)?")
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_REQUIREMENT_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[|[<>=!~;@]|$)")

# pip's flags whose meaning uv has by default or has no part in
_DROPPED = {
    "--no-cache-dir",  # the cache is no part of the layer
    "--disable-pip-version-check",
    "--no-input",
    "--no-warn-script-location",
    "--use-pep517",
    "--compile",
    "--no-color",
}
_FLAGS = {
    "--no-deps": "--no-deps",
    "--no-index": "--no-index",
    "--no-build-isolation": "--no-build-isolation",
    "--force-reinstall": "--reinstall",
    "--require-hashes": "--require-hashes",
    "--no-compile": "--no-compile-bytecode",
    "-q": "-q",
    "--quiet": "-q",
}
_VALUES = {
    "-r": "--requirements",
    "--requirement": "--requirements",
    "-c": "--constraints",
    "--constraint": "--constraints",
    "-e": "--editable",
    "--editable": "--editable",
    "-i": "--default-index",
    "--index-url": "--default-index",
    "--extra-index-url": "--index",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "-t": "--target",
    "--target": "--target",
    "--prefix": "--prefix",
    "--only-binary": "--only-binary",
    "--no-binary": "--no-binary",
    "--trusted-host": "--allow-insecure-host",
    "-C": "--config-setting",
    "--config-settings": "--config-setting",
}
_DROPPED_VALUES = {"--root-user-action", "--progress-bar"}
_ADDING = ("--index", "--find-links")  # in pip these add to what the machine's configuration says


# Image.uv_pip_install's command, and options by which it is no plain addition to what `python` finds
_UV_STEP = re.compile(
    r"(?P<uv>/\S+/uv) pip install --python \$\(command -v python\) --compile-bytecode (?P<words>.+)"
)
_NOT_PLAIN = {
    *("--target", "-t", "--prefix", "--system", "--python", "-p", "--user", "--directory", "--project"),
    *("--editable", "-e", "--reinstall", "--force-reinstall", "--reinstall-package", "--exact", "--dry-run"),
    *("--link-mode", "--compile-bytecode", "--no-compile-bytecode", "--no-cache", "--no-cache-dir", "-n"),
    "--cache-dir",
}


@dataclass
class PipInstall:
    """An installation by uv. `python` and `pip` are the names that the step called: uv installs for the
    interpreter that `python` finds, if `pip` lies beside it. `uv` is the image's, where the step names it."""

    python: str
    pip: str | None
    uv: str | None = None
    arguments: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)


def translate_pip(command: str) -> PipInstall | None:
    """The same installation for uv; None where the step is more than `pip install`, or says what uv lacks."""
    if step := _UV_STEP.fullmatch(command):
        return _take_apart(step["uv"], _plain_words(step["words"]))
    words = _plain_words(command)
    if words is None:
        return None
    install = _recognise(words)
    if install is None:
        return None
    reader = _Options(install[1])
    return reader.read(install[0])


def _take_apart(uv: str, words: list[str] | None) -> PipInstall | None:
    if words is None or _NOT_PLAIN & {word.partition("=")[0] for word in words}:
        return None
    return PipInstall("python", None, uv, words)


def _plain_words(command: str) -> list[str] | None:
    """The command's words; None if a shell would do more than split it."""
    try:
        tokens = shlex.shlex(command, posix=True, punctuation_chars=True)
        tokens.whitespace_split = True
        tokens.commenters = ""
        split = list(tokens)
        raw = shlex.split(command, posix=False)
    except ValueError:
        return None
    if "\n" in command or split != shlex.split(command) or any(set(t) <= _SHELL_TOKENS for t in split):
        return None
    unquoted = (re.sub(r"'[^']*'", "", word) for word in raw)
    return None if any(_SHELL_INSIDE.search(word) or "\\" in word for word in unquoted) else split


def _recognise(words: Sequence[str]) -> tuple[PipInstall, list[str]] | None:
    if len(words) > 2 and _PIP.fullmatch(words[0]) and words[1] == "install":
        series = words[0].removeprefix("pip")
        return PipInstall(f"python{series}", words[0]), list(words[2:])
    if len(words) > 4 and _PYTHON.fullmatch(words[0]) and list(words[1:4]) == ["-m", "pip", "install"]:
        return PipInstall(words[0], None), list(words[4:])
    return None


class _Options:
    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._requirements: list[str] = []
        self._upgrades = False
        self._from_files = False

    def read(self, install: PipInstall) -> PipInstall | None:
        while self._words:
            word = self._words.pop(0)
            if word == "--" or (word.startswith("-") and not self._option(word, install)):
                return None
            if not word.startswith("-"):
                self._requirements.append(word)
        if self._upgrades and not self._upgrade(install):
            return None
        install.arguments.extend(self._requirements)
        return install

    def _option(self, word: str, install: PipInstall) -> bool:
        """Reads one option; False where uv has no equal."""
        name, equals, value = word.partition("=")
        if word in _DROPPED:
            return True
        if word in _FLAGS:
            install.arguments.append(_FLAGS[word])
        elif word in ("-U", "--upgrade"):
            self._upgrades = True
        elif word == "--pre":
            install.arguments.extend(("--prerelease", "allow"))
        elif name in _VALUES or name in _DROPPED_VALUES:
            if not equals:
                if not self._words:
                    return False
                value = self._words.pop(0)
            self._valued(name, value, install)
        else:
            return False
        return True

    def _valued(self, name: str, value: str, install: PipInstall) -> None:
        if name in _DROPPED_VALUES:
            return
        option = _VALUES[name]
        self._from_files = self._from_files or option in ("--requirements", "--editable")
        if option == "--find-links":
            install.find_links.append(value)
        elif option == "--index":
            install.indexes.append(value)
        else:
            install.arguments.extend((option, value))

    def _upgrade(self, install: PipInstall) -> bool:
        """pip upgrades what is named, and of dependencies only what has to be; uv's --upgrade all of them."""
        if self._from_files:
            return False
        for requirement in self._requirements:
            found = _REQUIREMENT_NAME.match(requirement)
            if found is None:
                return False
            install.arguments.extend(("--upgrade-package", found[1]))
        return True


@dataclass(frozen=True)
class Tools:
    """What a step finds for its installation. `find_links` and `indexes` are the machine's own, to which the
    step's are added. `compiler` and `linker` are arguments for the image's Python: one gives site-packages
    their bytecode, which takes uv longer; the other, followed by uv and its arguments, has uv install by hard
    links (inside/packages.py), and is empty where there can be none."""

    uv: str
    find_links: Sequence[str]
    indexes: Sequence[str]
    compiler: Sequence[str]
    linker: Sequence[str] = ()


def shell_script(install: PipInstall, command: str, tools: Tools) -> str:
    """A script for /bin/sh that installs by uv, or runs `command` itself where `pip` and `python` are of two
    environments, and for what hard links cannot do."""
    quote: Callable[[str], str] = shlex.quote
    arguments = list(install.arguments)
    if install.find_links:  # given as an option they replace the environment's
        for place in (*tools.find_links, *install.find_links):
            arguments.extend(("--find-links", place))
    if install.indexes:
        for index in (*tools.indexes, *install.indexes):
            arguments.extend(("--index", index))
    test = f'python="$(command -v {quote(install.python)})"'
    if install.pip:
        test += f' && pip="$(command -v {quote(install.pip)})" && [ "${{pip%/*}}" = "${{python%/*}}" ]'
    options = f'pip install --python "$python" {shlex.join(arguments)}'
    if (
        install.uv is None
    ):  # as pip does: the best version of all indexes, not the first one that knows the name
        options += " --index-strategy unsafe-best-match"
    compiles = not {"--target", "--prefix", "--no-compile-bytecode"} & set(arguments)
    lines = []
    if tools.linker and compiles and "--reinstall" not in arguments:
        lines += [
            f'"$python" -I {shlex.join(tools.linker)} {quote(install.uv or tools.uv)} {options}',
            "status=$?",
            "if [ $status -eq 0 ] || [ $status -ge 128 ]; then exit $status; fi",
            "if [ $status -gt 64 ] && [ $status -lt 75 ]; then exit $((status - 64)); fi",
        ]
    if install.uv is None:
        lines += _copying(f"{quote(tools.uv)} {options}", compiles, arguments, tools)
    if not lines:
        return command
    return "\n".join([f"if {test}; then", *lines, "fi", command])


def _copying(install: str, compiles: bool, arguments: Sequence[str], tools: Tools) -> list[str]:
    if not compiles and "--no-compile-bytecode" not in arguments:
        install += " --compile-bytecode"
    compiler = [f'  "$python" -I {shlex.join(tools.compiler)} || true'] if compiles else []
    # an image with another C library, such as Alpine's, cannot run this machine's uv
    test = f"{shlex.quote(tools.uv)} --version >/dev/null 2>&1"
    return [f"if {test}; then", f"  {install} || exit $?", *compiler, "  exit 0", "fi"]
