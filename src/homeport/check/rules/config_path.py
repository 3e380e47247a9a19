"""The configuration file that is named is not in the container

`--config-path configs/full.yaml` names a file of the container, not of the machine where it is typed. A
relative path is meant from the container's working folder, `/root` unless the image says otherwise; a file
that no step adds is not there at all. A local entry point runs on the launcher, and opens the launcher's
files. What a script that is run as a child process is named in its command line counts, too.

Bad:
    # command: app.py::train -- --config-path configs/smoke.yaml
    import modal

    image = modal.Image.debian_slim().add_local_dir("configs", "/app/configs")
    app = modal.App("cats", image=image)

    @app.function()
    def train(config_path: str):
        with open(config_path) as file:
            print(file.read())
    # file: configs/smoke.yaml
    steps: 10

Good:
    # command: app.py::train -- --config-path configs/smoke.yaml
    import modal

    image = modal.Image.debian_slim().add_local_dir("configs", "/root/configs")
    app = modal.App("cats", image=image)

    @app.function()
    def train(config_path: str):
        with open(config_path) as file:
            print(file.read())
    # file: configs/smoke.yaml
    steps: 10
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from homeport.check.command_line import meant, options, take_apart
from homeport.check.execution.commands import scripts_of
from homeport.check.facts import Call, Facts, Function
from homeport.check.findings import Finding, Severity
from homeport.check.opened_files import is_made, made_by, missing_files
from homeport.check.rules._configs import CONFIG_ENDS, named, started
from homeport.check.source_text import shown

CODE = "HP505"

_CONFIG = re.compile(r"conf|cfg|setting|param|recipe|experiment|spec|yaml|toml|json")
_OUTPUT = re.compile(r"out|save|dest|result|report|write|log")
_MOVES = re.compile(r"chdir|cwd\s*=|/ ?config|join\(|\.parent|glob|resolve\(")


def check(facts: Facts) -> Iterator[Finding]:
    for function, typed in started(facts):
        for parameter, path in named(function, typed):
            if _CONFIG.search(parameter.lower()) and not _OUTPUT.search(parameter.lower()):
                yield from _of(facts, function, parameter, path)
    yield from _on_launcher(facts)
    yield from _of_children(facts)


def _of_children(facts: Facts) -> Iterator[Finding]:
    """Files that a script is named on its command line, and that lie only where the command is typed."""
    for function in facts.app.functions:
        container = facts.containers.get(function.name)
        if container is None:
            continue
        said = {missing.path for missing in missing_files(facts, "file")}
        for events in (facts.events.get(function.name, ()), facts.with_arguments.get(function.name, ())):
            made: set[str] = set()
            for event in events:
                if not isinstance(event, Call):
                    continue
                for word, path in _named_to_child(event):
                    is_missing = container.at(path) is None and not is_made(path, made)
                    if path not in said and is_missing and (here := container.nearest_file(path)):
                        said.add(path)
                        yield _not_shipped(facts, function, event, word, path, here)
                made |= made_by(event)


def _named_to_child(event: Call) -> Iterator[tuple[str, str]]:
    """Words of a script's command line that name a configuration file, with the path that each is there."""
    if not event.name.startswith(("subprocess.", "os.system")):
        return
    words = event.options.get("args", event.args[0] if event.args else None)
    for script in scripts_of(words, event.options, event.folder, event.name):
        flag = ""
        for given in script.args:
            word = str(given) if isinstance(given, str | PurePath) else ""
            before, _, value = word.rpartition("=")
            if (
                value.endswith(CONFIG_ENDS)
                and script.folder
                and not _OUTPUT.search(f"{flag}{before}".lower())
            ):
                yield word, posixpath.normpath(posixpath.join(script.folder, value))
            flag = word if word.startswith("-") else ""


def _not_shipped(facts: Facts, function: Function, event: Call, word: str, path: str, here: Path) -> Finding:
    return Finding(
        CODE,
        event.site,
        f"{word} of the command is {path} in the container of {function.name}, where no such file is; "
        f"nothing ships {shown(here, facts)} there",
        "warning",
        function.name,
        fix=f"Add the file to the image: add_local_file(…, {path!r}).",
    )


def _on_launcher(facts: Facts) -> Iterator[Finding]:
    """A local entry point that opens its parameter opens a file of the machine where it is typed."""
    runnable = meant(facts)
    if facts.command is None or runnable is None or runnable.function.kind != "local_entrypoint":
        return
    apart = take_apart(facts.command.arguments, options(runnable, facts))
    typed = {flag.replace("-", "_"): value for flag, value in apart.values.items()}
    for parameter, path in named(runnable.function, typed):
        place = facts.launcher.folder / path
        is_read = place in facts.project.texts or place.suffix not in (".yaml", ".yml", ".toml", ".json")
        if not is_read and parameter in typed and _opens(runnable.function, parameter):
            yield Finding(
                CODE,
                runnable.function.site,
                f"{parameter}={path} of {runnable.name} is opened where the command is typed, and {place} is "
                "no file that can be read",
                "warning",
                runnable.function.name,
                fix="Name a file of this machine.",
            )


def _of(facts: Facts, function: Function, parameter: str, path: str) -> Iterator[Finding]:
    container = facts.containers.get(function.name)
    if container is None or container.at(path) is not None:
        return
    elsewhere = [
        str(placed.path) for placed in container.below("/") if str(placed.path).endswith(_tail(path))
    ]
    source = ast.get_source_segment(function.module.text, function.node) or ""
    if elsewhere and (_MOVES.search(source) or not _opens(function, parameter)):
        return  # the code may go there first
    folder = container.workdir if isinstance(container.workdir, str) else "its working folder"
    here = next((str(one) for one in facts.project.texts if str(one).endswith(_tail(path))), "")
    where = f"; it is at {elsewhere[0]}" if elsewhere else f"; nothing ships {here} there" if here else ""
    full = path if path.startswith("/") else posixpath.join(folder, path)
    yield Finding(
        CODE,
        function.site,
        f"{parameter}={path} of {function.name} is {full} in the container, where no such file is{where}",
        _certainty(function, parameter, source),
        function.name,
        fix=f"Write {elsewhere[0]}, or add the file at {full}."
        if elsewhere
        else f"Add the file to the image: add_local_file(…, {full!r}).",
    )


def _tail(path: str) -> str:
    return f"/{path.removeprefix('./').lstrip('/')}"


def _certainty(function: Function, parameter: str, text: str) -> Severity:
    if _opens(function, parameter) and not _MOVES.search(text) and "try:" not in text and "if " not in text:
        return "error"
    return "warning"


def _opens(function: Function, parameter: str) -> bool:
    """Whether a function's own body opens its parameter as it is."""
    for node in ast.walk(function.node):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in ("open", "Path") and node.args and _is(node.args[0], parameter):
            return True
    return False


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
