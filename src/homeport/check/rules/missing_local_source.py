"""A step of an image names a file or folder that is not there

`add_local_dir`, `add_local_file`, `pip_install_from_requirements`, `uv_sync`, `from_dockerfile` and their
like read files of the machine where the command is typed. The client looks for them when the app starts,
before anything is built, and refuses the image where one is missing, or is a folder where a file was meant.

Relative paths are meant from the folder that one stands in, so the same app may start in one folder and
fail in another: where the file lies beside the app's own file, it is a warning.

Bad:
    import modal

    image = modal.Image.debian_slim().add_local_dir("datasets", "/data")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: dataset/cat.txt
    a cat

Good:
    import modal

    image = modal.Image.debian_slim().add_local_dir("dataset", "/data")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: dataset/cat.txt
    a cat
"""

from collections.abc import Iterator

from homeport.check.facts import Call, Facts, LocalSource, Step
from homeport.check.findings import Finding, Severity
from homeport.check.rules._images import steps_of
from homeport.plan import suggestions

CODE = "HP120"

_FILES = {
    "add_local_file",
    "pip_install_from_requirements",
    "pip_install_from_pyproject",
    "uv_pip_install",
    "poetry_install_from_file",
    "micromamba_install",
}
_MAY_MAKE_FILES = [
    "makedirs",
    "mkdir",
    "write_text",
    "write_bytes",
    "touch",
    "copy",
    "copy2",
    "copytree",
    "copyfile",
    "move",
    "rename",
    "replace",
    "run",
    "system",
    "check_call",
    "check_output",
    "call",
    "Popen",
    "urlretrieve",
    "mkdtemp",
    "extractall",
    "symlink",
    "symlink_to",
    "dump",
    "save",
    "unpack_archive",
    "snapshot_download",
    "hf_hub_download",
    "NamedTemporaryFile",
    "TemporaryDirectory",
    "mkstemp",
]


def check(facts: Facts) -> Iterator[Finding]:
    for owner, step in steps_of(facts):
        for source in facts.sources.get(step.site, ()):
            what = _mistake(step, source)
            if what and not _may_be_elsewhere(facts, source):
                yield Finding(
                    CODE,
                    step.site,
                    f"{step.method}() takes {source.given!r}, and {what}",
                    "warning" if source.beside else _certainty(facts),
                    owner,
                    fix=_fix(facts, source),
                )


def _may_be_elsewhere(facts: Facts, source: LocalSource) -> bool:
    """Whether another machine, which the command is typed on, may have it: what is outside the project."""
    outside = source.path is not None and not source.path.is_relative_to(facts.project.root)
    return facts.launcher.is_elsewhere and outside


def _mistake(step: Step, source: LocalSource) -> str:
    if source.path is None:  # a module
        return ""
    if source.kind is None:
        there = f", while {source.beside} does" if source.beside else ""
        return f"{source.path} does not exist{there}"
    if source.kind == "file" and step.method == "add_local_dir":
        return f"{source.path} is a file: add_local_file() takes files"
    if source.kind == "folder" and step.method in _FILES:
        other = ": add_local_dir() takes folders" if step.method == "add_local_file" else ""
        return f"{source.path} is a folder{other}"
    return ""


def _fix(facts: Facts, source: LocalSource) -> str:
    assert source.path is not None
    if source.kind is not None:
        return "Name the right one, or take the other step."
    if source.beside is not None:
        return f"Run it from {source.beside.parent}, or name it by Path(__file__).parent."
    like = suggestions.closest(source.given, _given_and_there(facts))
    meant = f" Did you mean {like}?" if like else ""
    if source.is_relative:
        return f"Name it from the file's own folder, Path(__file__).parent / …, or correct it.{meant}"
    return f"Correct the path.{meant}"


def _given_and_there(facts: Facts) -> Iterator[str]:
    """What other steps name, in the words in which they do, and that is there."""
    for sources in facts.sources.values():
        yield from (source.given for source in sources if source.kind in ("file", "folder"))


def _certainty(facts: Facts) -> Severity:
    """Code at the module's top may make the file first."""
    makes = any(
        isinstance(event, Call) and event.name.rpartition(".")[2] in _MAY_MAKE_FILES
        for event in facts.launch_events
    )
    return "warning" if makes else "error"
