"""The configuration file that is named is not in the container

`--config-path configs/full.yaml` names a file of the container, not of the machine where it is typed. A
relative path is meant from the container's working folder, `/root` unless the image says otherwise; a file
that no step adds is not there at all. A local entry point runs on the launcher, and opens the launcher's
files.

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

from homeport.check.command_line import meant, options, take_apart
from homeport.check.facts import Facts, Function
from homeport.check.findings import Finding, Severity
from homeport.check.rules._configs import named, started

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
