"""Image definitions' dockerfile_commands, read as Docker reads a Dockerfile.

Joining lines is dockerfile_lines.py's; an instruction or option that Homeport does not serve is refused here,
by name. What an instruction does to an image is for recipe.py and the builders.
"""

import json
import re
from collections.abc import Callable, Sequence

from homeport.model.errors import HomeportError, InvalidError, NotServedError
from homeport.plan.dockerfile_lines import Line, read_lines
from homeport.plan.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    From,
    InlineFile,
    Instruction,
    Remark,
    Run,
    Shell,
    User,
    Workdir,
)
from homeport.plan.run_mounts import read_run_options
from homeport.plan.words import split_words

_HEREDOC_ONLY = re.compile(r"<<-?(['\"]?)[A-Za-z_][A-Za-z0-9_.]*\1")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")


def parse(commands: Sequence[str]) -> list[Instruction]:
    """The instructions of an image definition. Raises InvalidError, or NotServedError by name; both name the
    line."""
    instructions = [_read(line) for line in read_lines("\n".join(commands))]
    before = [entry for entry in instructions if not isinstance(entry, Arg)][:1]
    if not before or not isinstance(before[0], From):
        raise InvalidError("An image definition has to begin with FROM; only ARG may come before it.")
    return instructions


def _read(line: Line) -> Instruction:
    keyword, rest = (*line.head.split(None, 1), "")[:2]
    reader = _READERS.get(keyword.upper())
    try:
        if reader is None:
            raise InvalidError(f"{keyword!r} is no Dockerfile instruction, in: {line.head}")
        rest = rest.strip()
        if not rest:
            raise InvalidError(f"{keyword.upper()} needs an argument.")
        return reader(line, rest)
    except HomeportError as error:
        raise type(error)(f"Line {line.number}: {error}") from None


def _read_from(line: Line, rest: str) -> Instruction:
    words = rest.split()
    platform: str | None = None
    while words and words[0].startswith("--"):
        name, _, value = words.pop(0).partition("=")
        if name != "--platform" or not value:
            raise NotServedError(f"Homeport does not serve {name} of FROM: remove it from `{line.text}`.")
        platform = value
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise InvalidError(f"FROM takes an image, and AS with a name at most, in: {line.text}")
    stage = words[2].lower() if len(words) == 3 else None
    if stage is not None and not _STAGE_NAME.fullmatch(stage):
        raise InvalidError(f"{words[2]!r} cannot be the name of a stage, in: {line.text}")
    return From(line.text, words[0], stage, platform, number=line.number)


def _read_run(line: Line, rest: str) -> Instruction:
    rest, mounts = read_run_options(rest)
    if not rest:
        raise InvalidError("RUN needs a command.")
    argv = _json_words(rest)
    if argv is not None and not line.documents:
        return Run(line.text, " ".join(argv), argv, mounts, number=line.number)
    if _HEREDOC_ONLY.fullmatch(rest) and line.documents:  # RUN <<EOF: the document is the script
        return Run(line.text, _script(line.documents[0].content), None, mounts, number=line.number)
    command = "\n".join([rest, *line.text.split("\n")[1:]]) if line.documents else rest
    return Run(line.text, command, None, mounts, number=line.number)


def _script(body: str) -> str:
    """A here-document as a command: one that begins with #! is a program of its own."""
    body = body.removesuffix("\n")
    if not body.startswith("#!"):
        return body
    end = "HOMEPORT_SCRIPT"
    while end in body:
        end += "_"
    return (
        f'script="$(mktemp)" && cat > "$script" <<\'{end}\'\n{body}\n{end}\n'
        'chmod 755 "$script" && "$script"; status=$?; rm -f "$script"; exit $status'
    )


def _read_env(line: Line, rest: str) -> Instruction:
    name, space, value = rest.partition(" ")
    if "=" not in name:
        if not space or not value.strip():
            raise InvalidError(f"ENV needs a value for {name}, in: {line.text}")
        return Env(line.text, ((_variable(name, line), value.strip()),), number=line.number)
    pairs = tuple(_pair(word, line) for word in split_words(rest))
    return Env(line.text, pairs, number=line.number)


def _read_arg(line: Line, rest: str) -> Instruction:
    pairs: list[tuple[str, str | None]] = []
    for word in split_words(rest):
        if "=" in word:
            pairs.append(_pair(word, line))
        else:
            pairs.append((_variable(word, line), None))
    return Arg(line.text, tuple(pairs), number=line.number)


def _pair(word: str, line: Line) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise InvalidError(f"{word!r} is not of the form NAME=VALUE, in: {line.text}")
    return _variable(name, line), value


def _variable(name: str, line: Line) -> str:
    name = name.strip("'\"")
    if not name or any(character in name for character in " \t$'\"\0"):
        raise InvalidError(f"{name!r} cannot be the name of a variable, in: {line.text}")
    return name


def _read_copy(line: Line, rest: str) -> Instruction:
    return _copy(line, rest, Copy)


def _read_add(line: Line, rest: str) -> Instruction:
    return _copy(line, rest, Add)


def _copy(line: Line, rest: str, kind: type[Copy]) -> Copy:
    options: dict[str, object] = {}
    while rest.startswith("--"):
        option, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        _copy_option(option, kind, options)
    words = list(_json_words(rest) or split_words(rest))
    if len(words) < 2:
        raise InvalidError(f"{kind.__name__.upper()} needs a source and a destination.")
    documents = {document.name: document for document in line.documents}
    files, sources = [], []
    for word in words[:-1]:
        name = word.lstrip("<-").strip("'\"") if word.startswith("<<") else ""
        if name in documents:
            files.append(InlineFile(name, documents[name].content, not documents[name].is_quoted))
        else:
            sources.append(word)
    if files and options.get("image") is not None:
        raise InvalidError("a here-document cannot be copied --from a stage or image.")
    return kind(line.text, tuple(sources), words[-1], files=tuple(files), number=line.number, **options)  # type: ignore[arg-type]


def _copy_option(option: str, kind: type[Copy], options: dict[str, object]) -> None:
    name, _, value = option.partition("=")
    if name == "--from" and value and kind is Copy:
        options["image"] = value
    elif name == "--chmod" and re.fullmatch(r"[0-7]{3,4}", value):
        options["mode"] = int(value, 8)
    elif name == "--chown" and value:
        options["owner"] = value
    elif name == "--exclude" and value:
        options["excludes"] = (*_texts(options.get("excludes")), value)
    elif name == "--parents" and kind is Copy and value in ("", "true", "false"):
        options["keeps_parents"] = value != "false"
    elif name == "--checksum" and kind is Add and re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        options["checksum"] = value
    elif not (name == "--link" and value in ("", "true", "false")):  # how Docker stores it, not what it makes
        raise NotServedError(f"Homeport does not serve {kind.__name__.upper()} {option}: remove it.")


def _texts(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _read_shell(line: Line, rest: str) -> Instruction:
    argv = _json_words(rest)
    if not argv:
        raise InvalidError('SHELL needs its JSON form, such as SHELL ["/bin/bash", "-c"].')
    return Shell(line.text, argv, number=line.number)


def _read_entrypoint(line: Line, rest: str) -> Instruction:
    argv = _json_words(rest)
    return Entrypoint(line.text, ("/bin/sh", "-c", rest) if argv is None else argv, number=line.number)


def _read_cmd(line: Line, rest: str) -> Instruction:
    argv = _json_words(rest)
    return Cmd(line.text, ("/bin/sh", "-c", rest) if argv is None else argv, number=line.number)


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


def _remark(line: Line, rest: str) -> Instruction:
    return Remark(line.text, number=line.number)


def _refuse_onbuild(line: Line, rest: str) -> Instruction:
    raise NotServedError(
        f"Homeport does not serve ONBUILD (`{line.text}`): write the instruction into the image that is "
        "built on this one."
    )


_READERS: dict[str, Callable[[Line, str], Instruction]] = {
    "FROM": _read_from,
    "RUN": _read_run,
    "ENV": _read_env,
    "ARG": _read_arg,
    "COPY": _read_copy,
    "ADD": _read_add,
    "WORKDIR": lambda line, rest: Workdir(line.text, rest, number=line.number),
    "USER": lambda line, rest: User(line.text, rest, number=line.number),
    "SHELL": _read_shell,
    "ENTRYPOINT": _read_entrypoint,
    "CMD": _read_cmd,
    "LABEL": _remark,
    "MAINTAINER": _remark,
    "EXPOSE": _remark,
    "STOPSIGNAL": _remark,
    "VOLUME": _remark,
    "HEALTHCHECK": _remark,
    "ONBUILD": _refuse_onbuild,
}
