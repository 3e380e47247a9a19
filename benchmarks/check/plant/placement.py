"""Faults of placement: what the container does not have, or has where nobody looks."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from benchmarks.check.plant.project import (
    LIBRARIES,
    Place,
    Plant,
    Project,
    Source,
    is_chain,
    last_text,
    plain_imports,
)

MISSING = "HP101 HP104 HP105"
ADDING = ("add_local_file", "add_local_dir", "add_local_python_source")


def module_not_shipped(app: Project) -> Iterator[Plant]:
    """A step that adds modules taken away, or one name of add_local_python_source."""
    for source, call in app.steps(*ADDING):
        names = _modules_added(app, call)
        if not names:
            continue
        what = f"without {source.segment(call.args[0])}"
        yield app.plant(
            "a module that is not shipped",
            what,
            {source.file: source.without_step(call)},
            MISSING,
            words=tuple(names),
            function=app.app.function,
        )
        if len(call.args) > 1 and call.func.attr == "add_local_python_source":  # type: ignore[attr-defined]
            for argument in call.args[1:]:
                assert isinstance(argument, ast.Constant)
                text = source.with_span(source.end(call.args[0]), source.end(argument), "")
                yield app.plant(
                    "a module that is not shipped",
                    f"without {argument.value}",
                    {source.file: text},
                    MISSING,
                    words=(str(argument.value),),
                )


def module_elsewhere(app: Project) -> Iterator[Plant]:
    """The folder that modules are put to renamed, while the code looks where they were."""
    for source, call in app.steps("add_local_file", "add_local_dir"):
        names = _modules_added(app, call)
        target = (
            call.args[1]
            if len(call.args) > 1
            else next((one.value for one in call.keywords if one.arg == "remote_path"), None)
        )
        if not names or not isinstance(target, ast.Constant):
            continue
        path = PurePosixPath(str(target.value))
        moved = path.parent / "code" / path.name
        yield app.plant(
            "a module shipped to a folder that is not on the path",
            f"{path} to {moved}",
            {source.file: source.with_node(target, repr(str(moved)))},
            MISSING,
            words=tuple(names),
        )


def path_folder_missing(app: Project) -> Iterator[Plant]:
    """A folder put on sys.path, or named in PYTHONPATH, to which nothing is shipped."""
    fault = "a folder on sys.path that does not exist there"
    codes = "HP101 HP102 HP105"
    for source in app.sources.values():
        if source.file in app.other_entries:
            continue
        for call in source.calls("insert", "append"):
            if ast.unparse(call.func) not in ("sys.path.insert", "sys.path.append"):
                continue
            folder = call.args[-1]
            if "HERE" in ast.unparse(folder):
                continue  # the launcher's
            text = source.with_node(folder, f'{source.segment(folder)} + "/src"')
            if isinstance(folder, ast.Constant):
                text = source.with_node(folder, repr(f"{folder.value}/src"))
            yield app.plant(
                fault,
                f"{source.segment(folder)} + /src",
                {source.file: text},
                codes,
                places=(source.place(call),),
            )
    for source, call in app.steps("env"):
        for node in ast.walk(call):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if (
                        isinstance(key, ast.Constant)
                        and key.value == "PYTHONPATH"
                        and isinstance(value, ast.Constant)
                        and "os.chdir" not in app.entry.text  # where the folder is found all the same
                    ):
                        yield app.plant(
                            fault,
                            f"PYTHONPATH={value.value}/src",
                            {source.file: source.with_node(value, repr(f"{value.value}/src"))},
                            codes,
                            places=(source.place(call),),
                            words=tuple(sorted(app.packages)),
                        )


def package_not_installed(app: Project) -> Iterator[Plant]:
    """A distribution taken out of pip_install, of the requirements file or of pyproject.toml."""
    fault = "a third-party import that the image does not install"
    codes = "HP103"
    installed = {
        name
        for source, call in app.steps("pip_install", "uv_pip_install")
        for name, _ in _packages(source, call)
    }
    for source, call in app.steps("pip_install", "uv_pip_install"):
        for name, argument in _packages(source, call):
            if not _would_be_missing(app, name, installed):
                continue
            text = _without_argument(source, call, argument)
            yield app.plant(fault, f"without {name}", {source.file: text}, codes, words=(LIBRARIES[name],))
    for file in ("requirements.txt", "pyproject.toml", "infra/images.py"):
        if not app.exists(file):
            continue
        text = app.read(file)
        for name in LIBRARIES:
            patterns = {
                "requirements.txt": rf"(?m)^{name}\b.*\n",
                "pyproject.toml": rf', "{name}[^"]*"|"{name}[^"]*"(, )?',
                "infra/images.py": rf', "{name}"|"{name}", ',
            }
            less, count = re.subn(patterns[file], "", text)
            if count and _would_be_missing(app, name, installed):
                yield app.plant(
                    fault, f"without {name} in {file}", {file: less}, codes, words=(LIBRARIES[name],)
                )


def submodule_left_out(app: Project) -> Iterator[Plant]:
    """A module of a shipped folder that an ignore pattern leaves out."""
    for source, call in app.steps("add_local_dir", "add_local_python_source"):
        for file, module in _below(app, call):
            ignore = next((one for one in call.keywords if one.arg == "ignore"), None)
            pattern = f'"**/{PurePosixPath(file).name}"'
            if ignore is None:
                end = source.end(call) - 1
                text = source.with_span(end, end, f", ignore=[{pattern}]")
            elif isinstance(ignore.value, ast.List):
                end = source.end(ignore.value) - 1
                text = source.with_span(end, end, f", {pattern}")
            else:
                continue
            yield app.plant(
                "a submodule that is not shipped",
                f"ignore {pattern}",
                {source.file: text},
                "HP101 HP104",
                words=(module,),
            )


def data_file_of_package(app: Project) -> Iterator[Plant]:
    """A package that reads a file of its own, shipped by add_local_python_source: .py files only."""
    fault = "a data file of a package shipped without it"
    for _, call in app.steps("add_local_python_source"):
        for file, _ in sorted(_below(app, call), key=lambda one: one[1] not in app.entry.text):
            module = app.sources[file]
            reading = 'VOCABULARY = (Path(__file__).parent / "vocabulary.txt").read_text().split()\n'
            text = _after_imports(module, f"from pathlib import Path\n\n{reading}")
            line = text[: text.index(reading)].count("\n") + 1
            data = str(PurePosixPath(file).parent / "vocabulary.txt")
            yield app.plant(
                fault,
                f"{file} reads {data}",
                {file: text, data: "a b c\n"},
                "HP104 HP150",
                places=(Place(file, line, line),),
            )
            break
    for source, call in app.steps("add_local_file"):
        name = last_text(call.args[0])
        if name is None or not name.value.endswith(".json"):
            continue
        data = PurePosixPath(name.value)
        if app.exists(str(data.parent / "__init__.py")):
            yield app.plant(
                fault,
                f"without {data}",
                {source.file: source.without_step(call)},
                "HP104 HP150",
                words=(data.name,),
            )


def source_path_missing(app: Project) -> Iterator[Plant]:
    """A local path of a step misspelt."""
    for source, call in app.steps("add_local_file", "add_local_dir", "pip_install_from_requirements"):
        text = last_text(call.args[0])
        if text is None or text.value == ".":
            continue
        path = PurePosixPath(text.value)
        wrong = str(path.with_name(path.name[:1] + path.name))
        yield app.plant(
            "a local source path that does not exist",
            f"{path} as {wrong}",
            {source.file: source.with_node(text, repr(wrong))},
            "HP120",
            places=(source.place(call),),
        )


def source_path_relative(app: Project) -> Iterator[Plant]:
    """A path from the file's own folder made one from wherever the command is typed."""
    for source, call in app.steps("add_local_file", "add_local_dir", "pip_install_from_requirements"):
        written = source.segment(call.args[0])
        if "/" not in written or "__file__" in written or written.startswith(('"', "f")):
            continue
        joined = re.findall(r'"([^"]+)"', written)
        if not joined:
            continue
        yield app.plant(
            "a local source path relative to where one stands",
            f"{written} as {'/'.join(joined)!r}",
            {source.file: source.with_node(call.args[0], repr("/".join(joined)))},
            "HP121",
            places=(source.place(call),),
        )


def file_not_shipped(app: Project) -> Iterator[Plant]:
    """A file opened by name that no step ships: a step taken away, or a new file read."""
    fault = "a file opened in the container that is not shipped"
    for source, call in app.steps("add_local_file", "add_local_dir"):
        opened = _opened_below(app, call)
        if opened and not _modules_added(app, call):
            yield app.plant(
                fault,
                f"without {source.segment(call.args[0])}",
                {source.file: source.without_step(call)},
                "HP104 HP150",
                words=tuple(opened),
            )
    for number, function in enumerate(app.remote):
        path = ("/root/assets/labels.txt", "labels.txt", "assets/classes.json")[number % 3]
        text, place = function.with_lines(
            f'with open("{path}") as labels_file:', "    print(labels_file.read())"
        )
        local = {path: "a\nb\n"} if not path.startswith("/") else {"assets/labels.txt": "a\nb\n"}
        yield app.plant(
            fault,
            f"{function.node.name} opens {path}",
            {**local, function.source.file: text},
            "HP150",
            places=(place,),
        )


def script_not_shipped(app: Project) -> Iterator[Plant]:
    """A script or a module run in a child process that is not in the container."""
    fault = "a script run in the container that is not shipped"
    codes = "HP151"
    for source, call in app.steps("add_local_file"):
        name = last_text(call.args[0])
        scripts = [one for one in _run_files(app) if name and one == PurePosixPath(name.value).name]
        if scripts:
            yield app.plant(
                fault,
                f"without {scripts[0]}",
                {source.file: source.without_step(call)},
                codes,
                words=tuple(scripts),
            )
    for source in app.sources.values():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.List) and '"-m"' in source.segment(node):
                at = next(
                    i
                    for i, one in enumerate(node.elts)
                    if isinstance(one, ast.Constant) and one.value == "-m"
                )
                module = node.elts[at + 1]
                assert isinstance(module, ast.Constant)
                yield app.plant(
                    fault,
                    f"-m {module.value}er",
                    {source.file: source.with_node(module, repr(f"{module.value}er"))},
                    "HP151 HP101 HP104",
                    words=(f"{module.value}er",),
                )
    for number, function in enumerate(app.remote):
        command = (
            '["python", "scripts/prepare.py"]',
            '["bash", "/root/setup.sh"]',
            '[sys.executable, "-m", "tools.prepare"]',
        )
        chosen = command[number % 3]
        text, place = function.with_lines(f"subprocess.run({chosen}, check=True)")
        text = function.source.with_import("subprocess", function.source.with_import("sys", text))
        place = _found(text, f"subprocess.run({chosen}", function.source.file)
        yield app.plant(
            fault, f"{function.node.name} runs {chosen}", {function.source.file: text}, codes, places=(place,)
        )


def launcher_cannot_import(app: Project) -> Iterator[Plant]:
    """A library of the image imported at the entry file's top, where `modal run` is typed."""
    fault = "a top-level import that the launcher cannot do"
    names = [name for name in ("numpy", "torch", "yaml", "tqdm", "scipy") if app.imported(name)]
    for name in names[:2]:
        text = app.entry.text.replace("import modal\n", f"import modal\nimport {name}\n", 1)
        place = _found(text, f"import {name}\n", app.entry.file)
        yield app.plant(fault, f"import {name} at the top", {app.entry.file: text}, "HP106", places=(place,))
    for node in app.entry.tree.body:
        if isinstance(node, ast.With) and "imports()" in ast.unparse(node.items[0]):
            lines = app.entry.text.splitlines(keepends=True)
            body = [line[4:] if line.strip() else line for line in lines[node.lineno : node.end_lineno]]
            text = "".join(lines[: node.lineno - 1] + body + lines[node.end_lineno or 0 :])
            yield app.plant(
                fault,
                "without image.imports()",
                {app.entry.file: text},
                "HP106",
                places=(Place(app.entry.file, node.lineno, node.end_lineno or 0),),
            )


def library_shadowed(app: Project) -> Iterator[Plant]:
    """A file of the app's, put on the path, with the name of a library."""
    names = ["logging.py", "random.py"] + (["numpy.py"] if app.imported("numpy") else [])
    for name in names:
        step = f'.add_local_file("{name}", "/root/{name}")'
        for source, text, place in app.at_end(step):
            yield app.plant(
                "a shipped name that shadows a library",
                f"/root/{name}",
                {source.file: text, name: '"""Ours."""\n'},
                "HP107",
                places=(place,),
                words=(name,),
            )
            break


def step_after_mount(app: Project) -> Iterator[Plant]:
    """A build step after add_local_* without copy=True."""
    for step in ('.run_commands("echo ready")', '.pip_install("einops")', '.env({"READY": "1"})'):
        for source, text, place in app.at_end(step):
            if not any("add_local" in source.segment(call) for source, call in app.image_ends):
                continue
            yield app.plant(
                "a build step after add_local_* without copy",
                step,
                {source.file: text},
                "HP122",
                places=(Place(place.file, place.first, place.last + 1),),
            )
            break


def paths_as_modules(app: Project) -> Iterator[Plant]:
    """add_local_python_source given paths."""
    fault = "add_local_python_source given paths"
    for source, call in app.steps("add_local_python_source"):
        argument = call.args[0]
        assert isinstance(argument, ast.Constant)
        for wrong in (f'"{argument.value}", "{argument.value}/train.py"', f'"./{argument.value}"'):
            text = source.with_span(source.start(argument), source.end(call.args[-1]), wrong)
            yield app.plant(fault, wrong, {source.file: text}, "HP123", places=(source.place(call),))
    for source, text, place in app.at_end('.add_local_python_source("tools", "src/train.py")'):
        yield app.plant(fault, '"tools", "src/train.py"', {source.file: text}, "HP123", places=(place,))


def one_of_a_list_missing(app: Project) -> Iterator[Plant]:
    """One file of a hand-kept list of add_local_file left out."""
    listed: dict[str, list[tuple[Source, ast.Call]]] = {}
    for source, call in app.steps("add_local_file"):
        name = last_text(call.args[0])
        if name and name.value.endswith(".py"):
            listed.setdefault(source.file, []).append((source, call))
    for calls in listed.values():
        if len(calls) < 2:
            continue
        for source, call in calls:
            name = last_text(call.args[0])
            assert name is not None
            file = PurePosixPath(name.value)
            yield app.plant(
                "a hand-kept list of files that misses one",
                f"without {file}",
                {source.file: source.without_step(call)},
                "HP101 HP105 HP151",
                words=(file.stem,),
            )


def order_rebuilds(app: Project) -> Iterator[Plant]:
    """Code copied into the image before packages are installed."""
    if not app.steps(
        "pip_install", "uv_pip_install", "pip_install_from_requirements", "pip_install_from_pyproject"
    ):
        return
    for source, text, place in app.after_start('.add_local_dir(".", "/app/code", copy=True)'):
        yield app.plant(
            "code before packages, which rebuilds everything",
            "copy=True first",
            {source.file: text},
            "HP125",
            places=(Place(place.file, place.first, place.last + 8),),
        )


FAULTS = (
    module_not_shipped,
    module_elsewhere,
    path_folder_missing,
    package_not_installed,
    submodule_left_out,
    data_file_of_package,
    source_path_missing,
    source_path_relative,
    file_not_shipped,
    script_not_shipped,
    launcher_cannot_import,
    library_shadowed,
    step_after_mount,
    paths_as_modules,
    one_of_a_list_missing,
    order_rebuilds,
)


def _modules_added(app: Project, call: ast.Call) -> list[str]:
    """Top-level names of the modules that a step ships and that other code of the app imports."""
    assert isinstance(call.func, ast.Attribute)
    text = last_text(call.args[0])
    if text is None:
        return []
    if call.func.attr == "add_local_python_source":
        # the entry's own folder is not shipped, so that what it imports there is missing
        names = [str(one.value) for one in call.args if isinstance(one, ast.Constant)]
    elif text.value.endswith(".py"):
        names = [PurePosixPath(text.value).stem]
    elif call.func.attr == "add_local_dir":
        folder = (app.app.root / text.value) if text.value != "." else app.app.root
        names = [text.value.rsplit("/", 1)[-1]] if (folder / "__init__.py").exists() else []
        names += [path.parent.name for path in folder.glob("*/__init__.py")]
    else:
        return []
    return [name for name in names if app.imported(name) or name == "tasks"]


def _below(app: Project, call: ast.Call) -> list[tuple[str, str]]:
    """Files of modules below what a step ships, with their dotted names, that are imported by name."""
    assert isinstance(call.func, ast.Attribute)
    imported = {module for source in app.reached for module in plain_imports(source)}
    for source in app.reached:  # relative ones
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                imported.update(f"{node.module}.{alias.name}" for alias in node.names if node.module)
                imported.add(f"{node.module}")
    found = []
    for top in _modules_added(app, call):
        for file, source in app.sources.items():
            parts = PurePosixPath(file).with_suffix("").parts
            if top not in parts or parts[-1] == "__init__" or source is app.entry:
                continue
            module = ".".join(parts[parts.index(top) :])
            if module in imported and module != top:
                found.append((file, module))
    return found


def _packages(source: Source, call: ast.Call) -> list[tuple[str, ast.expr]]:
    found = []
    for argument in call.args:
        if isinstance(argument, ast.Constant):
            name = re.split(r"[=<>\[ ]", str(argument.value))[0]
            if name in LIBRARIES:
                found.append((name, argument))
    return found


def _would_be_missing(app: Project, name: str, installed: set[str]) -> bool:
    """Whether nothing else brings the distribution along."""
    brought = (name == "numpy" and "scipy" in installed) or (name == "pydantic" and "fastapi" in installed)
    return app.imported(LIBRARIES[name]) and not brought


def _without_argument(source: Source, call: ast.Call, argument: ast.expr) -> str:
    if len(call.args) == 1:
        return source.without_step(call)
    at = call.args.index(argument)
    if at == 0:
        return source.with_span(source.start(argument), source.start(call.args[1]), "")
    return source.with_span(source.end(call.args[at - 1]), source.end(argument), "")


def _after_imports(source: Source, text: str) -> str:
    last = 0
    for node in source.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            last = node.end_lineno or node.lineno
    lines = source.text.splitlines(keepends=True)
    return "".join(lines[:last]) + text + "".join(lines[last:])


def _opened_below(app: Project, call: ast.Call) -> list[str]:
    """Names of files that a step ships and that the code names literally."""
    name = last_text(call.args[0])
    if name is None or name.value == "." or name.value.endswith(".py"):
        return []
    path = app.app.root / name.value
    files = [path] if path.is_file() else list(path.rglob("*")) if path.is_dir() else []
    texts = "\n".join(
        source.segment(one)
        for source in app.sources.values()
        for one in source.calls("open", "load", "read_text")
        if not is_chain(one)
    )
    return [one.name for one in files if f"{one.name}" in texts]


def _run_files(app: Project) -> set[str]:
    """Names of Python files in lists that are commands."""
    return {
        PurePosixPath(str(one.value)).name
        for source in app.sources.values()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.List)
        for one in node.elts
        if isinstance(one, ast.Constant) and str(one.value).endswith(".py")
    }


def _found(text: str, piece: str, file: str) -> Place:
    line = text[: text.index(piece)].count("\n") + 1
    return Place(file, line, line + 1)
