"""Image definitions' dockerfile_commands, read as Docker reads a Dockerfile.

Lines with continuations and comments become instructions; an instruction that Homeport does not serve is
refused here, by name. What an instruction does to an image is for recipe.py and image_builder.py.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from homeport.model.errors import InvalidError, NotServedError
from homeport.plan.words import split_words

_DIRECTIVE = re.compile(r"#\s*(syntax|escape|check)\s*=\s*(\S+)", re.IGNORECASE)
_CONTINUED = re.compile(r"\\[ \t]*$")
_HEREDOC = re.compile(r"<<(-?)(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\2")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Instruction:
    """One instruction; `text` is its line as it was given, continuations joined."""

    text: str


@dataclass(frozen=True)
class From(Instruction):
    image: str  # unexpanded


@dataclass(frozen=True)
class Run(Instruction):
    """A shell command, or with `argv` a program that is started without a shell."""

    command: str
    argv: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Env(Instruction):
    pairs: tuple[tuple[str, str], ...]  # values unexpanded


@dataclass(frozen=True)
class Arg(Instruction):
    pairs: tuple[tuple[str, str | None], ...]  # defaults unexpanded


@dataclass(frozen=True)
class Copy(Instruction):
    sources: tuple[str, ...]  # unexpanded
    target: str  # unexpanded
    image: str | None = None  # --from
    mode: int | None = None  # --chmod


@dataclass(frozen=True)
class Workdir(Instruction):
    path: str  # unexpanded


@dataclass(frozen=True)
class User(Instruction):
    user: str  # unexpanded


@dataclass(frozen=True)
class Shell(Instruction):
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Entrypoint(Instruction):
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Cmd(Instruction):
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Remark(Instruction):
    """An instruction that describes an image and changes nothing in a Modal container, such as LABEL."""


def parse(commands: Sequence[str]) -> list[Instruction]:
    """The instructions of an image definition. Raises InvalidError, or NotServedError by name."""
    instructions = [_read(line) for line in _logical_lines("\n".join(commands).split("\n"))]
    froms = [entry for entry in instructions if isinstance(entry, From)]
    if len(froms) > 1:
        raise NotServedError(
            f"Homeport does not serve images of several stages yet (`{froms[1].text}`): build the "
            "first stage as an image of its own, or copy its result from the local machine."
        )
    before = [entry for entry in instructions if not isinstance(entry, Arg)][:1]
    if not froms or before != froms:
        raise InvalidError("An image definition has to begin with FROM; only ARG may come before it.")
    return instructions


def _logical_lines(lines: list[str]) -> Iterator[str]:
    """Lines without comments, continuations joined, heredocs whole."""
    remaining = iter(lines)
    gathered: list[str] = []
    may_direct = True
    for line in remaining:
        stripped = line.strip()
        if stripped.startswith("#"):
            if may_direct:
                _check_directive(stripped)
            continue
        may_direct = False
        if not stripped:
            continue
        if _CONTINUED.search(line):
            gathered.append(_CONTINUED.sub("", line if gathered else line.lstrip()))
            continue
        whole = "".join([*gathered, line.rstrip() if gathered else stripped])
        gathered = []
        yield _with_heredocs(whole, remaining)
    if gathered:
        yield "".join(gathered).rstrip()


def _check_directive(comment: str) -> None:
    found = _DIRECTIVE.match(comment)
    if found and found[1].lower() == "escape" and found[2] != "\\":
        raise NotServedError(f"Homeport does not serve `{comment}`: use the backslash to continue lines.")


def _with_heredocs(line: str, remaining: Iterator[str]) -> str:
    """The line and, where it announces here-documents (RUN <<EOF), their lines up to the delimiters."""
    if not line.upper().startswith(("RUN ", "COPY ", "ADD ")):
        return line
    whole = [line]
    for found in _HEREDOC.finditer(line):
        for body in remaining:
            whole.append(body)
            if (body.lstrip("\t") if found[1] else body) == found[3]:
                break
        else:
            raise InvalidError(f"The here-document {found[3]} does not end in: {line}")
    return "\n".join(whole)


def _read(line: str) -> Instruction:
    keyword, _, rest = line.partition(" ") if " " in line.split("\t")[0] else line.partition("\t")
    reader = _READERS.get(keyword.upper())
    if reader is None:
        raise InvalidError(f"{keyword!r} is no Dockerfile instruction, in: {line}")
    rest = rest.strip()
    if not rest:
        raise InvalidError(f"{keyword.upper()} needs an argument, in: {line}")
    return reader(line, rest)


def _read_from(line: str, rest: str) -> Instruction:
    words = rest.split()
    if words[0].startswith("--"):
        raise NotServedError(f"Homeport does not serve {words[0]} of FROM: remove it from `{line}`.")
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise InvalidError(f"FROM takes an image, and AS with a name at most, in: {line}")
    return From(line, words[0])


def _read_run(line: str, rest: str) -> Instruction:
    if rest.startswith("--"):
        option = rest.split()[0]
        raise NotServedError(
            f"Homeport does not serve RUN {option} yet: remove it. Packages are cached between builds anyway."
        )
    argv = _json_words(rest)
    if argv is not None:
        return Run(line, " ".join(argv), argv)
    found = _HEREDOC.fullmatch(rest.split("\n", 1)[0].strip())
    if found and "\n" in rest:  # RUN <<EOF: the document is the script
        body = rest.split("\n")[1:-1]
        return Run(line, "\n".join(part.lstrip("\t") if found[1] else part for part in body))
    return Run(line, rest)


def _read_env(line: str, rest: str) -> Instruction:
    name, space, value = rest.partition(" ")
    if "=" not in name:
        if not space or not value.strip():
            raise InvalidError(f"ENV needs a value for {name}, in: {line}")
        return Env(line, ((_variable(name, line), value.strip()),))
    return Env(line, tuple(_pair(word, line) for word in split_words(rest)))


def _read_arg(line: str, rest: str) -> Instruction:
    pairs: list[tuple[str, str | None]] = []
    for word in split_words(rest):
        if "=" in word:
            pairs.append(_pair(word, line))
        else:
            pairs.append((_variable(word, line), None))
    return Arg(line, tuple(pairs))


def _pair(word: str, line: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise InvalidError(f"{word!r} is not of the form NAME=VALUE, in: {line}")
    return _variable(name, line), value


def _variable(name: str, line: str) -> str:
    name = name.strip("'\"")
    if not name or any(character in name for character in " \t$'\"\0"):
        raise InvalidError(f"{name!r} cannot be the name of a variable, in: {line}")
    return name


def _read_copy(line: str, rest: str) -> Instruction:
    if "\n" in rest:
        raise NotServedError(f"Homeport does not serve here-documents of COPY yet: {line.splitlines()[0]}")
    image: str | None = None
    mode: int | None = None
    while rest.startswith("--"):
        option, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        name, _, value = option.partition("=")
        if name == "--from":
            image = value
        elif name == "--chmod" and re.fullmatch(r"[0-7]{3,4}", value):
            mode = int(value, 8)
        elif not (option == "--link" or (name == "--chown" and value in _ROOTS)):
            raise NotServedError(f"Homeport does not serve COPY {option} yet, in: {line}")
    words = list(_json_words(rest) or split_words(rest))
    if len(words) < 2:
        raise InvalidError(f"COPY needs a source and a destination, in: {line}")
    return Copy(line, tuple(words[:-1]), words[-1], image, mode)


_ROOTS = ("root", "0", "root:root", "0:0", "root:0", "0:root")


def _read_user(line: str, rest: str) -> Instruction:
    if rest.strip("'\"") not in _ROOTS:
        raise NotServedError(
            f"Homeport does not serve `{line}`: a function's container runs as its own root. Remove it."
        )
    return User(line, rest)


def _read_shell(line: str, rest: str) -> Instruction:
    argv = _json_words(rest)
    if not argv:
        raise InvalidError(f'SHELL needs its JSON form, such as SHELL ["/bin/bash", "-c"], in: {line}')
    return Shell(line, argv)


def _read_entrypoint(line: str, rest: str) -> Instruction:
    argv = _json_words(rest)
    return Entrypoint(line, ("/bin/sh", "-c", rest) if argv is None else argv)


def _read_cmd(line: str, rest: str) -> Instruction:
    argv = _json_words(rest)
    return Cmd(line, ("/bin/sh", "-c", rest) if argv is None else argv)


def _json_words(text: str) -> tuple[str, ...] | None:
    """The words of the JSON form; None for the shell form. Docker takes broken JSON for the shell form."""
    if not text.startswith("["):
        return None
    try:
        words = json.loads(text)
    except ValueError:
        return None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return tuple(words)
    return None


def _refuse(cure: str) -> Callable[[str, str], Instruction]:
    def read(line: str, rest: str) -> Instruction:
        raise NotServedError(f"Homeport does not serve {line.split()[0].upper()} yet (`{line}`): {cure}")

    return read


_READERS: dict[str, Callable[[str, str], Instruction]] = {
    "FROM": _read_from,
    "RUN": _read_run,
    "ENV": _read_env,
    "ARG": _read_arg,
    "COPY": _read_copy,
    "WORKDIR": lambda line, rest: Workdir(line, rest),
    "USER": _read_user,
    "SHELL": _read_shell,
    "ENTRYPOINT": _read_entrypoint,
    "CMD": _read_cmd,
    "LABEL": lambda line, rest: Remark(line),
    "MAINTAINER": lambda line, rest: Remark(line),
    "EXPOSE": lambda line, rest: Remark(line),
    "STOPSIGNAL": lambda line, rest: Remark(line),
    "ADD": _refuse("use COPY for local files, and RUN with curl or wget for addresses."),
    "VOLUME": _refuse("attach a modal.Volume to the function."),
    "HEALTHCHECK": _refuse("remove it."),
    "ONBUILD": _refuse("remove it."),
}
