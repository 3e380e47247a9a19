"""Which file a command line runs."""

from pathlib import PurePosixPath

import pytest

from homeport.record.launch import command_of, contract_asked, entry_candidates, folders_upwards


@pytest.mark.parametrize(
    ("command", "first"),
    [
        ("/v/bin/python /v/bin/modal run app.py::train --config-path x.yaml", "/u/app.py"),
        ("/v/bin/python /v/bin/modal run --detach -w out.json deploy/app.py", "/u/deploy/app.py"),
        ("/v/bin/python /v/bin/modal run -m pkg.app::train", "/u/pkg/app.py"),
        ("/v/bin/python /v/bin/modal run -dm pkg.app", "/u/pkg/app.py"),
        ("/v/bin/python -m modal deploy --name x /a/app.py", "/a/app.py"),
        ("/v/bin/python /v/bin/modal serve --timeout 5 app.py", "/u/app.py"),
        ("homeport modal run ../slow.py", "/slow.py"),
        ("homeport run ./a/../b.py", "/u/a/../b.py"),
        ("homeport run --no-check app.py", "/u/app.py"),
        ("homeport run --contract full app.py", "/u/app.py"),
        ("python script.py --fast", "/u/script.py"),
        ("python -u -W error script.py", "/u/script.py"),
        ("python -m pkg.tool", "/u/pkg/tool.py"),
        ("/v/bin/python /v/bin/modal app list", None),
        ("python", None),
    ],
)
def test_the_app_of_a_command_line(command: str, first: str | None) -> None:
    found = next(entry_candidates(command.split(), "/u"), None)
    assert found == (PurePosixPath(first) if first else None)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("/v/bin/python /v/bin/modal shell app.py::train", "shell"),
        ("/v/bin/python -m modal run --detach shell.py", "run"),
        ("homeport run app.py", "run"),
        ("python shell run", ""),
        ("modal app list", ""),
        ("modal", ""),
    ],
)
def test_the_command_of_a_command_line(command: str, found: str) -> None:
    assert command_of(command.split()) == found


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("homeport run --contract full app.py::train", "full"),
        ("homeport run --contract=full --detach app.py", "full"),
        ("homeport run --no-check -n x --contract full app.py", "full"),
        ("homeport run app.py --contract full", ""),  # the app's own option
        ("homeport modal run --contract full app.py", ""),
        ("modal run --contract full app.py", ""),
        ("homeport run --contract", ""),
        ("", ""),
    ],
)
def test_the_contract_that_is_asked_for(command: str, name: str) -> None:
    assert contract_asked(command.split()) == name


def test_folders_up_to_the_root() -> None:
    entry, root = PurePosixPath("/u/repo/a/b/app.py"), PurePosixPath("/u/repo")
    assert [str(folder) for folder in folders_upwards(entry, root)] == ["/u/repo/a/b", "/u/repo/a", "/u/repo"]
    assert folders_upwards(entry, None) == [PurePosixPath("/u/repo/a/b")]
    assert folders_upwards(entry, PurePosixPath("/elsewhere")) == [PurePosixPath("/u/repo/a/b")]
