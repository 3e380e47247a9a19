"""Faults of data: written where it is lost, where nobody looks, or half."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from benchmarks.check.plant.environment import _inserted
from benchmarks.check.plant.project import Function, Place, Plant, Project


def outside_every_volume(app: Project) -> Iterator[Plant]:
    """A result written where no Volume is: the mount renamed, or a file more."""
    fault = "written outside every Volume"
    for function in app.remote:
        volumes = function.options.get("volumes")
        if isinstance(volumes, ast.Dict):
            for key in volumes.keys:
                if isinstance(key, ast.Constant) and _writes_below(app, function, key.value):
                    text = function.source.with_node(key, repr(f"{key.value}-volume"))
                    yield app.plant(
                        fault,
                        f"{function.node.name} mounts {key.value}-volume, writes {key.value}",
                        {function.source.file: text},
                        "HP301",
                        words=(str(key.value),),
                    )
    for number, function in enumerate(app.training):
        lines = (
            ('with open("/root/metrics.json", "w") as metrics_file:', '    metrics_file.write("{}")'),
            (
                'Path("/results-final").mkdir(exist_ok=True)',
                'Path("/results-final/model.bin").write_bytes(b"0")',
            ),
            (
                'os.makedirs("/output/checkpoints", exist_ok=True)',
                'open("/output/checkpoints/last.bin", "wb").write(b"0")',
            ),
        )[number % 3]
        yield _with_path(_inserted(app, function, fault, "HP301", *lines))


def relative_where_mount_is_absolute(app: Project) -> Iterator[Plant]:
    """`outputs/x` where the Volume is at `/outputs`."""
    for function in app.remote:
        for mount in function.mounts:
            if mount.startswith("/") and mount.count("/") == 1:
                line = f'open("{mount[1:]}/summary.txt", "w").write("done")'
                yield _inserted(
                    app,
                    function,
                    "a relative path where the mount is absolute",
                    "HP302 HP301",
                    f'os.makedirs("{mount[1:]}", exist_ok=True)',
                    line,
                )


def not_committed_on_errors(app: Project) -> Iterator[Plant]:
    """`try: … finally: volume.commit()` without the try, where nothing else commits (`on_save=v.commit`)."""
    for function in app.remote:
        if re.search(r"\.commit\b(?!\()", ast.unparse(function.node)):
            continue
        for node in ast.walk(function.body):
            commits_before = re.search(r"\.commit\b(?!\()", ast.unparse(function.node))  # handed on
            if commits_before:
                continue
            if isinstance(node, ast.Try) and node.finalbody and "commit" in ast.unparse(node.finalbody[0]):
                lines = function.source.text.splitlines(keepends=True)
                body = [line[4:] for line in lines[node.lineno : (node.body[-1].end_lineno or 0)]]
                end = f"{' ' * node.col_offset}{ast.unparse(node.finalbody[0])}\n"
                text = "".join([*lines[: node.lineno - 1], *body, end, *lines[node.end_lineno or 0 :]])
                yield app.plant(
                    "written and never committed on the error path",
                    f"{function.node.name} without finally",
                    {function.source.file: text},
                    "HP303",
                    places=(
                        Place(function.source.file, function.node.lineno, function.node.end_lineno or 0),
                    ),
                    words=(function.node.name,),
                )


def without_reload(app: Project) -> Iterator[Plant]:
    """A Volume that another function writes, read without reload."""
    for function in app.remote:
        for node in ast.walk(function.node):
            if isinstance(node, ast.Expr) and ast.unparse(node).endswith(".reload()"):
                lines = function.source.text.splitlines(keepends=True)
                del lines[node.lineno - 1]
                yield app.plant(
                    "shared by two functions without reload",
                    f"{function.node.name} without {ast.unparse(node)}",
                    {function.source.file: "".join(lines)},
                    "HP304",
                    places=(
                        Place(function.source.file, function.decorator.lineno, function.node.end_lineno or 0),
                    ),
                    words=(function.node.name,),
                )


def refused_mount(app: Project) -> Iterator[Plant]:
    """Mounted at /, /root, /tmp, or at a relative path."""
    for number, function in enumerate(app.remote):
        volumes = function.options.get("volumes")
        if isinstance(volumes, ast.Dict) and volumes.keys[0] is not None:
            path = ("/root", "/", "/tmp", "outputs")[number % 4]
            yield app.plant(
                "mounted where Modal refuses",
                f"{function.node.name} at {path}",
                {function.source.file: function.source.with_node(volumes.keys[0], repr(path))},
                "HP305",
                places=(function.source.place(function.decorator),),
            )


def shared_cache(app: Project) -> Iterator[Plant]:
    """One cache folder for two configurations."""
    folders = sorted(
        {
            path.parent
            for path in app.app.root.rglob("*.yaml")
            if path.parent.name in ("configs", "experiments")
        }
    )
    for folder in folders:
        files = sorted(folder.glob("*.yaml"))
        texts = {path.relative_to(app.app.root).as_posix(): path.read_text() for path in files}
        if len(texts) == 1:
            (name, text), *_ = texts.items()
            texts[str(PurePosixPath(name).with_name("other.yaml"))] = text.replace("small", "other").replace(
                "unet", "other"
            )
        for key in ("cache_dir", "cache"):
            changed = {name: f"{text.rstrip()}\n{key}: /cache/features\n" for name, text in texts.items()}
            argument = _config_argument(app, next(iter(changed)))
            yield app.plant(
                "a cache folder that two configurations share",
                f"{key} of {folder.name}",
                changed,
                "HP306",
                places=tuple(Place(name, 1, text.count("\n")) for name, text in changed.items()),
                words=("/cache/features",),
                arguments=argument,
                function=app.app.function,
            )


def folder_before_filled(app: Project) -> Iterator[Plant]:
    """A folder made before its files are there, and taken for complete the next time."""
    for number, function in enumerate(app.remote):
        for mount in function.mounts[:1]:
            ways = (
                (
                    f'pictures = Path("{mount}/pictures")',
                    "if not pictures.exists():",
                    "    pictures.mkdir(parents=True)",
                    "    for number in range(3):",
                    '        (pictures / f"{number}.txt").write_text("cat")',
                ),
                (
                    f'if not os.path.exists("{mount}/raw"):',
                    f'    os.makedirs("{mount}/raw")',
                    "    for number in range(3):",
                    f'        with open(f"{mount}/raw/{{number}}.txt", "w") as raw_file:',
                    '            raw_file.write("cat")',
                ),
                (
                    f'target = "{mount}/dataset"',
                    "if not os.path.isdir(target):",
                    "    os.makedirs(target, exist_ok=True)",
                    '    subprocess.run(["tar", "xf", "/opt/dataset.tar", "-C", target], check=True)',
                ),
            )
            yield _with_path(
                _inserted(
                    app,
                    function,
                    "a data folder created before it is filled",
                    "HP307",
                    *ways[number % 3],
                )
            )


FAULTS = (
    outside_every_volume,
    relative_where_mount_is_absolute,
    not_committed_on_errors,
    without_reload,
    refused_mount,
    shared_cache,
    folder_before_filled,
)


def _writes_below(app: Project, function: Function, mount: object) -> bool:
    """Whether the function's own text names a file below a mount in a call that writes."""
    for node in ast.walk(function.node):
        if isinstance(node, ast.Call):
            text = ast.unparse(node)
            if f"{mount}/" in text and any(word in text for word in ("save", "'w'", "write", "out")):
                return True
    return False


def _with_path(plant: Plant) -> Plant:
    """With pathlib's Path imported where the inserted lines name it."""
    (file, text), *rest = plant.changes.items()
    assert text is not None
    if "Path(" not in text or "import Path" in text:
        return plant
    grown = text.replace("import modal\n", "from pathlib import Path\n\nimport modal\n", 1)
    by = grown.count("\n") - text.count("\n")
    places = tuple(Place(one.file, one.first + by, one.last + by) for one in plant.places)
    values = {**vars(plant), "changes": {file: grown, **dict(rest)}, "places": places}
    return Plant(**values)


def _config_argument(app: Project, file: str) -> tuple[str, ...] | None:
    """The arguments that name a configuration file, for apps that take one."""
    known = app.app.arguments
    if "--config-path" in known or "--config" in known:
        return (known[0], file)
    return known or None
