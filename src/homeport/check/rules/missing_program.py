"""A program is run that the image does not have

`debian_slim` has Python, pip and a compiler (gcc, g++, make), and few programs beside them: no git, wget,
curl, unzip or ffmpeg. A step that runs one fails while the image is built, a package from a `git+https://`
address cannot be fetched, and a function that runs one raises FileNotFoundError, on the machine that is
paid for. Each is a package for `apt_install`, in front of what needs it.

On Homeport the machine's own programs may lie below the image, so there it is a warning.

Bad:
    # target: modal
    import modal

    image = modal.Image.debian_slim().run_commands("wget https://example.org/cats.tar")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")

Bad:
    import subprocess

    import modal

    image = modal.Image.debian_slim()
    app = modal.App("cats", image=image)

    @app.function()
    def download():
        subprocess.run(["wget", "https://example.org/cats.tar"], check=True)

Good:
    import subprocess

    import modal

    image = modal.Image.debian_slim().apt_install("wget").run_commands("wget https://example.org/cats.tar")
    app = modal.App("cats", image=image)

    @app.function()
    def download():
        subprocess.run(["wget", "https://example.org/cats.tar"], check=True)
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from homeport.check.facts import Call, Facts, Function, Image, Step
from homeport.check.findings import Finding, Severity
from homeport.check.rules._given import remote_functions
from homeport.check.rules._images import images_of, known_start
from homeport.check.values import Site, Value

CODE = "HP127"

# Programs that python:slim with build-essential has not, and the Debian package that has each.
_BY_THEIR_NAME = """
git wget curl unzip zip ffmpeg rsync jq sox tmux screen htop vim nano cmake npm sudo file tree parallel pigz
zstd lsof git-lfs espeak nvtop unrar wkhtmltopdf
"""
_PACKAGES: Mapping[str, str] = {
    **{name: name for name in _BY_THEIR_NAME.split()},
    "aria2c": "aria2",
    "ssh": "openssh-client",
    "scp": "openssh-client",
    "ffprobe": "ffmpeg",
    "ninja": "ninja-build",
    "node": "nodejs",
    "ps": "procps",
    "gpg": "gnupg",
    "7z": "p7zip-full",
    "convert": "imagemagick",
    "pdftotext": "poppler-utils",
    "tesseract": "tesseract-ocr",
    "java": "default-jre",
    "dot": "graphviz",
    "rg": "ripgrep",
}
_BY_PIP = {"cmake", "ninja", "node", "npm"}  # programs that packages of Python bring, too
_RUN = (
    "subprocess.run",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.Popen",
    "subprocess.call",
)
_CATCH_IT = {"FileNotFoundError", "OSError", "IOError", "EnvironmentError", "Exception", "BaseException", ""}
_PREFIX = re.compile(r"^(?:(?:sudo|time|exec|nohup|env|set\s+-\w+)\s+|\w+=\S*\s+|[({!]\s*)*")


@dataclass
class _Has:
    """What an image has been given so far."""

    installed: set[str] = field(default_factory=set)
    is_plain: bool = True  # nothing was installed that could bring more than its name says
    is_known: bool = True

    def lacks(self, program: str) -> bool:
        package = _PACKAGES.get(program)
        return self.is_known and package is not None and not {program, package} & self.installed


def check(facts: Facts) -> Iterator[Finding]:
    after: dict[int, _Has] = {}
    seen = set[Site]()
    for owner, image in images_of(facts):
        for finding in _of_image(facts, owner, image, after):
            if finding.site not in seen:
                seen.add(finding.site)
                yield finding
    for function in remote_functions(facts):
        yield from _of_function(facts, function, after)


def _of_image(facts: Facts, owner: str, image: Image, after: dict[int, _Has]) -> Iterator[Finding]:
    has = _Has(is_known=known_start(image) == "debian_slim")
    after[id(image)] = has
    for step in image.steps:
        if not isinstance(step, Step):
            has.is_known = False
            continue
        texts = [name for arg in step.args for name in _flat(arg)]
        for program, why in _needed(step, texts, has):
            yield Finding(
                CODE,
                step.site,
                f"{step.method}() {why}, and debian_slim has no {program}",
                "error" if facts.target == "modal" and has.is_plain else "warning",
                owner,
                fix=f'Add .apt_install("{_PACKAGES[program]}") in front of it.',
            )
            has.installed.add(program)  # once is enough
        _learn(step, texts, has)


def _flat(value: Value) -> Iterable[str]:
    return [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, str)]


def _needed(step: Step, texts: list[str], has: _Has) -> Iterator[tuple[str, str]]:
    """Programs that a step needs and the image lacks, and what for."""
    if step.method == "run_commands":
        for command in texts:
            for part in _parts(command):
                _learn_command(part, has)
                words = part.split()
                if words and has.lacks(words[0]):
                    yield words[0], f"runs {words[0]}"
    elif step.method in ("pip_install", "uv_pip_install") and has.lacks("git"):
        for name in texts:
            if re.search(r"(?:^|@\s*|\s)git\+", name):
                yield "git", f"fetches {name.strip()} by git"
                return


def _parts(command: str) -> list[str]:
    """The commands of a line of shell, without what only surrounds them. None of a here-document's."""
    if "<<" in command:
        return []
    return [
        _PREFIX.sub("", part.strip()) for part in re.split(r"&&|\|\||[;|\n]", command.replace("\\\n", " "))
    ]


def _learn(step: Step, texts: list[str], has: _Has) -> None:
    if step.method == "apt_install":
        has.installed.update(texts)
        has.is_plain = False
        has.is_known &= all(isinstance(arg, str | tuple) for arg in step.args)
    elif step.method in (
        "dockerfile_commands",
        "micromamba_install",
        "pip_install_private_repos",
        "run_function",
    ):
        has.is_known = False
    elif step.method.startswith(("pip_install", "uv_", "poetry_")):
        has.installed.update(_BY_PIP)
    elif step.method == "run_commands" and any(not isinstance(arg, str | tuple) for arg in step.args):
        has.is_known = False


def _learn_command(part: str, has: _Has) -> None:
    """What `apt-get install` and its like bring; what else may put programs there makes all unknown."""
    if re.match(r"(?:apt-get|apt|aptitude)\b", part):
        has.installed.update(part.split())
        has.is_plain = False
    elif re.match(r"(?:conda|mamba|micromamba|ln|cp|mv|install|dpkg|bash|sh|make|chmod)\b", part):
        has.is_known = False
    elif re.match(r"(?:python3? -m )?(?:uv )?pip3? install", part):
        has.installed.update(_BY_PIP)


def _of_function(facts: Facts, function: Function, after: Mapping[int, _Has]) -> Iterator[Finding]:
    has = after.get(id(function.image)) if function.image is not None else _Has()
    if has is None:
        return
    said = set[str]()
    for event in facts.events.get(function.name, ()):
        if not isinstance(event, Call) or "local" in event.guards or event.caught & _CATCH_IT:
            continue
        program = _program(event)
        if program and has.lacks(program) and program not in said and not _looks_for(event, program):
            said.add(program)
            yield Finding(
                CODE,
                event.site,
                f"{function.name} runs {program}, which its image does not have",
                _certainty(facts, event, has),
                function.name,
                fix=f'Add .apt_install("{_PACKAGES[program]}") to its image.',
            )


def _looks_for(event: Call, program: str) -> bool:
    """Whether the code looks first whether the program is there, or installs it itself."""
    text = event.module.text
    return f'which("{program}")' in text or f"which('{program}')" in text or "apt-get" in text


def _program(event: Call) -> str:
    command = event.args[0] if event.args else event.options.get("args")
    is_shell = event.name == "os.system" or event.options.get("shell") is True
    if event.name not in _RUN and event.name != "os.system":
        return ""
    if isinstance(command, tuple):
        return command[0] if command and isinstance(command[0], str) else ""
    if not isinstance(command, str):
        return ""
    parts = _parts(command) if is_shell else [command]
    return next((words[0] for part in parts if (words := part.split()) and words[0] in _PACKAGES), "")


def _certainty(facts: Facts, event: Call, has: _Has) -> Severity:
    fails = event.is_certain and not event.guards & {"try", "except", "if", "loop"} and has.is_plain
    is_list = bool(event.args) and isinstance(event.args[0], tuple)
    return "error" if fails and is_list and facts.target == "modal" else "warning"
