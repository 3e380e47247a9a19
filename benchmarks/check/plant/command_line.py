"""Faults of the command line: arguments that do not fit what is run."""

import ast
import re
from collections.abc import Iterator

from benchmarks.check.plant.project import Function, Place, Plant, Project


def unknown_argument(app: Project) -> Iterator[Plant]:
    """An option that the function does not have, or one misspelt."""
    for function in _callable(app):
        options = [one.arg for one in function.body.args.args]
        wrong = ["--no-such-option"] + [f"--{name.replace('_', '-')}s" for name in options[:1]]
        for option in wrong:
            yield _asked(app, function, "an argument that the function does not have", "HP502", (option, "1"))


def wrong_value(app: Project) -> Iterator[Plant]:
    """Text for a parameter that takes a number."""
    for function in _callable(app):
        for one in function.body.args.args:
            if one.annotation is not None and ast.unparse(one.annotation) in ("int", "float"):
                arguments = (*_required(function, one.arg), f"--{one.arg.replace('_', '-')}", "many")
                yield _asked(app, function, "a value of another type", "HP502", arguments)
                break


def positional(app: Project) -> Iterator[Plant]:
    """An argument without its option's name."""
    for function in _callable(app):
        if function.body.args.args:
            yield _asked(app, function, "a positional argument", "HP503", ("configs/full.yaml",))


def config_not_there(app: Project) -> Iterator[Plant]:
    """A configuration file that the container does not have."""
    fault = "a configuration file that the container does not have"
    for function in _callable(app):
        for one in function.body.args.args:
            if "config" not in one.arg or ("path" not in one.arg and one.arg != "config"):
                continue
            option = f"--{one.arg.replace('_', '-')}"
            yield _asked(app, function, fault, "HP505", (option, "configs/smal.yaml"))
            if 'add_local_dir(".",' in app.entry.text:
                continue  # all that lies here is shipped
            yield _asked(
                app,
                function,
                fault,
                "HP505",
                (option, "local/mine.yaml"),
                {"local/mine.yaml": "name: mine\n"},
            )


def key_never_read(app: Project) -> Iterator[Plant]:
    """A key of the configuration file that no code reads: one misspelt, or one of another program."""
    fault = "a key of the configuration that nobody reads"
    for function in _callable(app):
        for one in function.body.args.args:
            if "config" not in one.arg:
                continue
            option = f"--{one.arg.replace('_', '-')}"
            for path in sorted((app.app.root / "configs").glob("*.yaml")):
                file, text = path.relative_to(app.app.root).as_posix(), path.read_text()
                key = max(re.findall(r"(?m)^ *(\w+):", text), key=len)
                slip = key[:-3] + key[-2:]
                ways = (
                    (slip, text.replace(f"{key}:", f"{slip}:")),
                    ("warmup_ratio", f"{text.rstrip()}\nwarmup_ratio: 0.1\n"),
                )
                for wrong, changed in ways:
                    line = changed[: changed.index(f"{wrong}:")].count("\n") + 1
                    places = (Place(file, line, line),)
                    yield _asked(
                        app, function, fault, "HP506", (option, file), {file: changed}, places, (wrong,)
                    )


FAULTS = (unknown_argument, wrong_value, positional, config_not_there, key_never_read)


def _callable(app: Project) -> list[Function]:
    """What `modal run FILE::NAME` takes, classes apart."""
    return [function for function in app.functions if function.kind != "cls" and _is_asked(function)]


def _is_asked(function: Function) -> bool:
    return "fastapi_endpoint" not in ast.unparse(function.node)


def _required(function: Function, but: str) -> tuple[str, ...]:
    arguments = function.body.args
    without = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    found: list[str] = []
    for one in without:
        if one.arg != but:
            found += [f"--{one.arg.replace('_', '-')}", "1"]
    return tuple(found)


def _asked(
    app: Project,
    function: Function,
    fault: str,
    codes: str,
    arguments: tuple[str, ...],
    changes: dict[str, str | None] | None = None,
    places: tuple[Place, ...] = (),
    words: tuple[str, ...] = (),
) -> Plant:
    return app.plant(
        fault,
        f"{function.node.name} {' '.join(arguments)}",
        changes or {},
        codes,
        places=places,
        words=words or (arguments[-1], arguments[0]),
        function=function.node.name,
        arguments=arguments,
    )
