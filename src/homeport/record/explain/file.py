"""`homeport explain RUN --file PATH`: who put a file or folder where it is, and who opened it."""

from pathlib import PurePosixPath

from homeport.plan.suggestions import nearest
from homeport.record.explain import configuration, importing, missing_module, placing
from homeport.record.explain.answers import Answer, Step
from homeport.record.explain.known import Known
from homeport.record.run import Folder

_MOST_OPENERS = 4
_NEAREST = 2


def explain_file(known: Known, path: str) -> Answer:
    """The answer for a path of a container; the end of one does where only one path ends so."""
    paths = list(dict.fromkeys(placing.known_paths(known)))
    full = _full(path, paths)
    if full is None:
        return _unknown(known, path, paths)
    brought_by = next((each.brought_by for each in known.run.configs if each.path == full), "")
    put = placing.brought(known, full, brought_by)
    opened = _opened(known, full)
    folder = next((each for each in known.run.folders if each.path == full), None)
    counted = [_counted(known, folder)] if folder is not None else []
    chosen = configuration.chosen_by(known, full) if opened else None
    imported, searched = importing.importers(known, full), missing_module.searched(known, full)
    steps = (*put, *opened, *imported, *searched, *counted, *(chosen[1] if chosen else ()))
    said = _sentence(known, full, put, opened, folder)
    if told := searched or imported:
        said = f"{said.removesuffix('.')}; {told[0].place} {told[0].text}."
    return Answer(path, said, steps, is_found=bool(steps))


def _full(path: str, paths: list[str]) -> str | None:
    if path in paths:
        return path
    parts = PurePosixPath(path).parts
    ends = [each for each in paths if PurePosixPath(each).parts[-len(parts) :] == parts]
    return ends[0] if len(ends) == 1 else None


def _opened(known: Known, path: str) -> list[Step]:
    found: dict[str, Step] = {}
    for note in sorted(known.run.notes, key=lambda note: note.at):
        if note.kind == "open" and note.path == path and note.how != "w" and note.stack:
            place = note.stack[0]
            line = known.sources.line(place.file, place.line)
            shown = known.shown(place)
            text = "looked for it: it was not there" if note.how == "missing" else f"by pid {note.pid}"
            where = "missing" if note.how == "missing" else "opened"
            found.setdefault(shown, Step(where, text, shown, line, at=note.at))
    for config in known.run.configs:
        if config.path == path and config.opened is not None:
            shown = known.shown(config.opened)
            line = known.sources.line(config.opened.file, config.opened.line)
            found.setdefault(shown, Step("opened", "by this line first", shown, line))
    steps = list(found.values())
    more = [Step("opened", f"and by {len(steps) - _MOST_OPENERS} more lines")]
    return steps if len(steps) <= _MOST_OPENERS else [*steps[:_MOST_OPENERS], *more]


def _counted(known: Known, folder: Folder) -> Step:
    place = known.shown(folder.opened) if folder.opened else ""
    line = known.sources.line(folder.opened.file, folder.opened.line) if folder.opened else ""
    volume = f" of the volume {folder.volume}" if folder.volume else ""
    return Step(
        "folder", f"{folder.read} files read and {folder.written} written below it{volume}", place, line
    )


def _sentence(known: Known, path: str, put: list[Step], opened: list[Step], folder: Folder | None) -> str:
    by = next((step for step in put if step.where != "launcher"), None)
    added = next((step.place for step in put if step.where == "launcher"), "")
    if folder is not None and by is None:
        volume = f" on the volume {folder.volume}" if folder.volume else ""
        return f"{path}{volume}: {folder.read} files were read there and {folder.written} written."
    who = {
        "mount": f"A mount brought {path}{f', added in {added}' if added else ''}",
        "volume": f"{path} is on the volume {getattr(placing.volume_of(known, path), 'name', '')}",
        "container": f"The container wrote {path}{f' in {by.place}' if by and by.place else ''}",
        "image": f"The image brought {path}",
    }.get(by.where if by else "", f"Nobody noted who put {path} there")
    missed = [step for step in opened if step.where == "missing"]
    if missed and by is None:
        return f"{path} was not there when {missed[0].place} looked for it."
    if not opened:
        is_code = path.endswith((".py", ".so"))
        return f"{who}." if is_code else f"{who}; no Python code of yours opened it as a configuration."
    more = f" and {len(opened) - 1} more" if len(opened) > 1 else ""
    return f"{who}; {opened[0].place}{more} opened it."


def _unknown(known: Known, path: str, paths: list[str]) -> Answer:
    """Also the place where a file of that name does lie: the wrong folder is the usual reason."""
    name = PurePosixPath(path).name
    parts = PurePosixPath(path).parts
    ends = [each for each in paths if PurePosixPath(each).parts[-len(parts) :] == parts]
    run_id = known.run.run_id
    if len(ends) > 1:
        some = ", ".join(ends[:4])
        return Answer(path, f"Several files of {run_id} end in {path}: {some}. Give more.", is_found=False)
    same = [each for each in paths if PurePosixPath(each).name == name]
    if same:
        return Answer(
            path, f"Nothing put {path} into a container of {run_id}; {same[0]} is there.", is_found=False
        )
    near = nearest(path, paths, _NEAREST)
    hint = f" The nearest: {' and '.join(near)}." if near else ""
    return Answer(
        path, f"Nothing of {run_id} tells of a file {path}: no mount brought it.{hint}", is_found=False
    )
