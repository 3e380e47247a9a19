"""`homeport explain RUN --config KEY`: which configuration file gave a value, at which line, who opened it,
who brought it, and what chose it."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from homeport.plan.suggestions import nearest
from homeport.record.explain import argument, clauses, definitions, placing
from homeport.record.explain.answers import Answer, Step
from homeport.record.explain.known import Known
from homeport.record.explain.settings import Setting, settings
from homeport.record.run import ConfigFile

_MOST_FILES = 3
_NEAREST = 3


def explain_config(known: Known, key: str) -> Answer:
    """The answer for a dotted key; the end of one does where only one key of a file ends so."""
    found = [
        (file, name, setting)
        for file in known.run.configs
        for name, setting in _matching(settings(file.path, file.text), key)
    ]
    if not found:
        return _unknown(known, key)
    file, name, setting = found[-1]  # the last that was opened is the one that counts
    opened = f", which {known.shown(file.opened)} opened" if file.opened else ""
    by = chosen_by(known, file.path)
    where = f"{file.path}:{setting.line}"
    sentence = f"{name} is {setting.value}, by {where}{opened}{f'; {by[0]}' if by else ''}."
    steps: list[Step] = []
    for each, named, value in found[-_MOST_FILES:]:
        steps += _steps(known, each, named, value)
    if len(found) > _MOST_FILES:
        steps.append(Step("config", f"and {len(found) - _MOST_FILES} more files have it"))
    return Answer(key, sentence, (*steps, *(by[1] if by else ())))


def chosen_by(known: Known, path: str) -> tuple[str, list[Step]] | None:
    """The argument that named a file, as a clause, and the steps that say more; None where none did."""
    for call in known.run.calls:
        for given in call.arguments:
            value = definitions.value(known, call.function, given)
            if not _names(value, path):
                continue
            came = argument.came(known, call, given)
            clause = f"the file was chosen by the argument {given.name} = {value}, {came}"
            answer = argument.explain_argument(known, given.name)
            return clause, list(answer.steps)
    for note in known.run.notes:
        if note.kind != "child" or not any(_names(f'"{word}"', path) for word in note.argv[1:]):
            continue
        place = f" in {known.shown(note.stack[0])}" if note.stack else ""
        return f"the file was chosen by the command `{clauses.command(note.argv)}`{place}", []
    return None


def _names(value: str, path: str) -> bool:
    """Whether an argument's value (JSON) is this path, or its end."""
    text = value.strip('"')
    parts = PurePosixPath(text).parts
    if not value.startswith('"') or "." not in text or not parts:
        return False
    parts = tuple(part for part in parts if part not in (".", "/"))
    return PurePosixPath(path).parts[-len(parts) :] == parts


def _matching(all_settings: dict[str, Setting], key: str) -> list[tuple[str, Setting]]:
    if key in all_settings:
        return [(key, all_settings[key])]
    below = [(name, each) for name, each in all_settings.items() if name.startswith(f"{key}.")]
    if below:
        return below[:1] if len(below) == 1 else below
    ends = [(name, each) for name, each in all_settings.items() if name.endswith(f".{key}")]
    return ends if len(ends) == 1 else []


def _steps(known: Known, file: ConfigFile, name: str, setting: Setting) -> Iterable[Step]:
    lines = file.text.splitlines()
    text = lines[setting.line - 1].strip() if 0 < setting.line <= len(lines) else ""
    digest = f", sha256 {file.sha256[:12]}" if file.sha256 else ""
    yield Step("config", f"{name} = {setting.value}{digest}", f"{file.path}:{setting.line}", text)
    yield from placing.brought(known, file.path, file.brought_by)
    if file.opened is not None:
        line = known.sources.line(file.opened.file, file.opened.line)
        yield Step("opened", "by this line first", known.shown(file.opened), line)


def _unknown(known: Known, key: str) -> Answer:
    run_id = known.run.run_id
    if not known.run.configs:
        return Answer(key, f"No configuration file was opened in {run_id}.", is_found=False)
    names = sorted({name for file in known.run.configs for name in settings(file.path, file.text)})
    ends = [name for name in names if name.endswith(f".{key}")]
    near = ends[:_NEAREST] or nearest(key, names, _NEAREST)
    files = ", ".join(dict.fromkeys(file.path for file in known.run.configs))
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return Answer(key, f"No key {key} in what {run_id} opened ({files}).{hint}", is_found=False)
