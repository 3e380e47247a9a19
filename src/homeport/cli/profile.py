"""The profile `homeport` in Modal's own configuration file: adding it, taking it out again.

The file belongs to the user, so it is edited as text: comments and other profiles stay byte for byte, and
what `add` did `remove` undoes. Each edit is read back before it is written; a file in a form that these
edits cannot keep is left alone, with an error that says so.
"""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homeport.cli.service import Token
from homeport.model.errors import FailedPreconditionError
from homeport.model.people import home_folder

NAME = "homeport"
_PREVIOUS = "previous_profile"  # a key of our own in our own section; the client ignores it
_HEADER = re.compile(
    r"""^[ \t]*\[[ \t]*(?P<quote>["']?)(?P<name>[^\[\]"']+?)(?P=quote)[ \t]*\][ \t]*(#.*)?$"""
)
_ACTIVE = re.compile(r"^(?P<before>[ \t]*active[ \t]*=[ \t]*)(?P<value>true|false)\b")

_SECTION = f"""[{NAME}]
server_url = "{{server_url}}"
token_id = "{{token_id}}"
token_secret = "{{token_secret}}"
disable_api_proxy = true
active = true
"""


@dataclass(frozen=True)
class Change:
    """A new text of the file, and the profile that was or is active beside ours (None: none is)."""

    text: str
    other: str | None


def config_path() -> Path:
    """Where the client reads its profiles: MODAL_CONFIG_PATH, else ~/.modal.toml."""
    return Path(os.environ.get("MODAL_CONFIG_PATH") or home_folder() / ".modal.toml").expanduser()


def add(text: str, token: Token, server_url: str) -> Change:
    """Adds or renews the profile and makes it the active one. Raises FailedPreconditionError."""
    before = _parse(text)
    previous = _active(before)
    if NAME in before:
        if not _is_ours(before[NAME]):
            raise FailedPreconditionError(
                f"A profile named {NAME} exists that Homeport did not write. Rename it, and try again."
            )
        known = before[NAME].get(_PREVIOUS)
        text = _without_section(text)
        previous = known if previous == NAME else previous
    section = _SECTION.format(server_url=server_url, token_id=token.token_id, token_secret=token.token_secret)
    if previous is not None:
        text = _set_active(text, previous, "true", "false")
        section += f'{_PREVIOUS} = "{previous}"\n'
    if text and not text.endswith("\n"):
        text += "\n"
    new = text + section
    _check(before, new, {NAME: _parse(section)[NAME]}, previous)
    return Change(new, previous)


def remove(text: str) -> Change | None:
    """Takes the profile out and makes the one active that was before. None if there is no such profile."""
    before = _parse(text)
    if NAME not in before:
        return None
    previous = before[NAME].get(_PREVIOUS)
    was_active = _active(before) == NAME
    new = _without_section(text)
    restored = previous if was_active and previous in before else None
    if restored is not None:
        new = _set_active(new, restored, "false", "true")
    _check({name: values for name, values in before.items() if name != NAME}, new, {}, restored)
    return Change(new, restored if was_active else _active(before))


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise FailedPreconditionError(f"Modal's configuration file {path} is not text.") from None


def write(path: Path, text: str) -> None:
    """Replaces the file in one step, readable by this user only. A link stays one: its target is replaced."""
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def is_active() -> bool:
    """Whether a plain modal command of this user goes to the engine by the profile."""
    try:
        return _active(_parse(read(config_path()))) == NAME
    except (FailedPreconditionError, OSError):
        return False


def follow(token: Token, server_url: str) -> Path | None:
    """Moves this engine's profile to its new address. Returns the file if that was needed."""
    path = config_path()
    try:
        text = read(path)
        known = _parse(text).get(NAME, {})
    except (FailedPreconditionError, OSError):
        return None  # starting an engine does not depend on that file
    if known.get("token_id") != token.token_id or known.get("server_url") == server_url:
        return None
    write(path, text.replace(f'server_url = "{known["server_url"]}"', f'server_url = "{server_url}"'))
    return path


def _parse(text: str) -> dict[str, dict[str, Any]]:
    try:
        profiles = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FailedPreconditionError(
            f"Modal's configuration file {config_path()} is not valid TOML: {error}. Mend it, and try again."
        ) from None
    if not all(isinstance(values, dict) for values in profiles.values()):
        raise FailedPreconditionError(
            f"Modal's configuration file {config_path()} has a line outside any profile. Mend it, and try "
            "again."
        )
    return profiles


def _active(profiles: dict[str, dict[str, Any]]) -> str | None:
    return next((name for name, values in profiles.items() if values.get("active") is True), None)


def _is_ours(values: dict[str, Any]) -> bool:
    return str(values.get("server_url", "")).startswith("http://127.0.0.1:")


def _sections(text: str) -> list[tuple[str | None, list[str]]]:
    """The file's lines by section, header included; None names the lines before the first header."""
    sections: list[tuple[str | None, list[str]]] = [(None, [])]
    for line in text.splitlines(keepends=True):
        header = _HEADER.match(line.rstrip("\r\n"))
        if header:
            sections.append((header["name"], []))
        sections[-1][1].append(line)
    return sections


def _without_section(text: str) -> str:
    return "".join(line for name, lines in _sections(text) if name != NAME for line in lines)


def _set_active(text: str, profile: str, old: str, new: str) -> str:
    """Changes the value in place rather than adding or removing a line, so that it can be undone exactly."""
    done = []
    for name, lines in _sections(text):
        for line in lines:
            match = _ACTIVE.match(line) if name == profile else None
            is_it = match is not None and match["value"] == old
            done.append(_ACTIVE.sub(rf"\g<before>{new}", line) if is_it else line)
    return "".join(done)


def _check(
    before: dict[str, dict[str, Any]], text: str, added: dict[str, dict[str, Any]], switched: str | None
) -> None:
    """Raises FailedPreconditionError unless the edit did what it was meant to and nothing else."""

    def others(profiles: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            name: {key: value for key, value in values.items() if key != "active" or name != switched}
            for name, values in profiles.items()
            if name != NAME
        }

    try:
        after = tomllib.loads(text)
        active = [name for name, values in after.items() if values.get("active") is True]
        expected = [NAME] if added else [switched] if switched else active
        is_right = others(after) == others(before) and active == expected
        is_right = is_right and {name: after[name] for name in after if name == NAME} == added
    except (tomllib.TOMLDecodeError, AttributeError):
        is_right = False
    if not is_right:
        raise FailedPreconditionError(
            f"Modal's configuration file {config_path()} is written in a way that cannot be edited without "
            'changing more than the profile homeport. Use eval "$(homeport env)" instead.'
        )
