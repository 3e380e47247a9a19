"""pip steps that uv runs."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.plan.pip_steps import Tools, shell_script, translate_pip


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("pip install six", "six"),
        ("python -m pip install six", "six"),
        ("python3 -m pip install 'torch>=2' \"six<2\"", "'torch>=2' 'six<2'"),
        ("pip install -r /.requirements.txt", "--requirements /.requirements.txt"),
        ("pip install --requirement=a.txt -c b.txt", "--requirements a.txt --constraints b.txt"),
        ("pip install -i https://x/simple six", "--default-index https://x/simple six"),
        ("pip install --pre six", "--prerelease allow six"),
        ("pip install --no-cache-dir --no-deps six", "--no-deps six"),
        ("pip install -U six 'idna[x]>3'", "--upgrade-package six --upgrade-package idna six 'idna[x]>3'"),
        ("pip install --only-binary :all: six", "--only-binary :all: six"),
        ("pip install .", "."),
    ],
)
def test_what_is_translated(command: str, arguments: str) -> None:
    install = translate_pip(command)
    assert install is not None
    assert shlex.join(install.arguments) == arguments


@pytest.mark.parametrize(
    "command",
    [
        "pip install six && echo done",
        "pip install six>=1",  # a redirection
        "pip install $NAME",
        "pip install `cat names`",
        'pip install "$NAME"',
        "pip install *.whl",
        "pip install six; pip check",
        "pip install six | tee log",
        "pip install six\npip check",
        "A=1 pip install six",
        "cd /app && pip install .",
        "pip install --user six",
        "pip install --upgrade-strategy eager six",
        "pip install -U -r a.txt",  # pip leaves dependencies as they are where uv would upgrade them
        "pip install -r",
        "pip download six",
        "pip",
        "uv pip install six",
        "pip install 'six",
        "pip install ~/x",
    ],
)
def test_what_pip_itself_runs(command: str) -> None:
    assert translate_pip(command) is None


def test_places_add_to_the_machines() -> None:
    command = "pip install six -f /mine --extra-index-url https://mine"
    install = translate_pip(command)
    assert install is not None
    tools = Tools("/uv", ["/wheels"], ["https://theirs"], ["-c", "compile"])
    script = shell_script(install, command, tools)
    assert "--find-links /wheels --find-links /mine" in script
    assert "--index https://theirs --index https://mine" in script


@given(st.lists(st.from_regex(r"[a-z]{1,6}([<>=!~]=[0-9.]{1,4})?(\[[a-z]+\])?", fullmatch=True), min_size=1))
def test_every_list_of_packages_that_the_client_sends_is_translated(packages: list[str]) -> None:
    """Image.pip_install writes `python -m pip install <shlex.join(sorted(packages))>`."""
    install = translate_pip(f"python -m pip install {shlex.join(packages)}")
    assert install is not None
    assert install.arguments == packages


@pytest.mark.parametrize(("pip_beside", "ran"), [(True, "uv"), (False, "pip")])
def test_uv_installs_only_for_the_python_that_pip_belongs_to(
    tmp_path: Path, pip_beside: bool, ran: str
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    for path, says in (
        (first / "python", "python"),
        ((first if pip_beside else second) / "pip", "pip"),
        (tmp_path / "uv", "uv"),
    ):
        path.write_text(f"#!/bin/sh\necho {says} $@\n")
        path.chmod(0o755)
    install = translate_pip("pip install six")
    assert install is not None
    script = shell_script(install, "pip install six", Tools(str(tmp_path / "uv"), [], [], ["-c", "compile"]))
    output = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"PATH": f"{first}:{second}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert output.stdout.split()[0] == ran


@pytest.mark.parametrize(
    ("status", "ran"),
    [(0, ["link"]), (66, ["link"]), (137, ["link"]), (75, ["link", "uv"]), (1, ["link", "uv"])],
)
def test_what_hard_links_cannot_do_is_copied(tmp_path: Path, status: int, ran: list[str]) -> None:
    for name, says in (("python", f"echo link; exit {status}"), ("pip", "echo pip"), ("uv", "echo uv")):
        (tmp_path / name).write_text(
            f'#!/bin/sh\n[ "$1$2$3" = -Ic ] || [ "$1" = --version ] || {{ {says}; }}\n'
        )
        (tmp_path / name).chmod(0o755)
    install = translate_pip("pip install six")
    assert install is not None
    tools = Tools(str(tmp_path / "uv"), [], [], ["c"], ["link"])
    script = shell_script(install, "pip install six", tools)
    done = subprocess.run(
        ["/bin/sh", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.stdout.split() == ran
    assert done.returncode == {66: 2, 137: 137}.get(status, 0)


def test_the_clients_uv_steps_are_taken_apart() -> None:
    prefix = "/.uv/uv pip install --python $(command -v python) --compile-bytecode"
    install = translate_pip(f"{prefix} --find-links /wheels --prerelease allow six 'idna>3'")
    assert install is not None
    assert install.uv == "/.uv/uv"
    assert install.arguments == ["--find-links", "/wheels", "--prerelease", "allow", "six", "idna>3"]
    script = shell_script(install, "itself", Tools("/uv", ["/mine"], [], ["c"], ["link"]))
    assert (
        "/uv pip install --python \"$python\" --find-links /wheels --prerelease allow six 'idna>3'\n"
        in script
    )
    assert "unsafe-best-match" not in script
    assert script.endswith("\nitself")
    for words in ("--target=/x six", "-e /app", "--reinstall six", "six && true", "$NAME", "--no-cache six"):
        assert translate_pip(f"{prefix} {words}") is None
