"""apt steps: the client's own prelude, and others."""

from pathlib import Path

import pytest

from homeport.model.errors import NotServedError
from homeport.plan.dockerfile import parse
from homeport.plan.system_packages import (
    check_system_packages,
    closed_usr,
    is_client_prelude,
    needs_own_root,
)
from homeport.runtime import userland

PRELUDE = [
    "FROM python:3.11.12-slim-bookworm",
    "RUN apt-get update",
    "RUN apt-get install -y gcc gfortran build-essential",
    "RUN pip install --upgrade pip wheel uv",
    "RUN echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections",
    'CMD ["sleep", "172800"]',
]


def test_the_clients_prelude_is_known() -> None:
    assert is_client_prelude(parse(PRELUDE))


def test_anything_else_is_not_the_prelude() -> None:
    assert not is_client_prelude(parse([*PRELUDE, "RUN x"]))
    assert not is_client_prelude(
        parse([PRELUDE[0], PRELUDE[1], "RUN apt-get install -y ffmpeg", *PRELUDE[3:]])
    )


def test_a_step_whose_packages_are_here_is_met() -> None:
    check_system_packages(
        parse(["FROM base", "RUN apt-get update", "RUN apt-get install -y git"]), lambda names: []
    )


def test_the_refusal_names_what_is_missing_and_what_to_do() -> None:
    commands = ["FROM base", "RUN apt-get update", "RUN apt-get install -y git ffmpeg sox && true"]
    sentence = r"ffmpeg and sox are not on it \(the others are there\)\. Install them here: sudo apt-get"
    with pytest.raises(NotServedError, match=sentence) as caught:
        check_system_packages(parse(commands), lambda names: [name for name in names if name != "git"])
    assert "sudo apt-get install ffmpeg sox; or" in str(caught.value)
    assert "homeport up --base auto" in str(caught.value)


def test_another_use_of_apt_is_refused_by_name() -> None:
    with pytest.raises(NotServedError, match=r"which `RUN apt-get upgrade -y` would change: .* --base auto"):
        check_system_packages(parse(["FROM base", "RUN apt-get upgrade -y"]), lambda names: [])


@pytest.mark.parametrize(
    ("step", "needs"),
    [
        ("RUN apt-get update", False),
        ("RUN apt-get install -y git", False),
        ("RUN apt-get install -y git ffmpeg", True),
        ("RUN apt-get remove -y git", True),
        ("RUN dpkg -i x.deb", True),
        ('RUN ["apt-get", "install", "-y", "ffmpeg"]', True),
        ("RUN pip install apt", False),
        ("RUN echo x > /etc/mine", False),
    ],
)
def test_what_needs_a_root_file_system_of_its_own(step: str, needs: bool) -> None:
    steps = parse(["FROM base", step])
    assert needs_own_root(steps, lambda names: [name for name in names if name != "git"]) is needs


def test_the_clients_prelude_needs_none() -> None:
    assert not needs_own_root(parse(PRELUDE), lambda names: list(names))


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ("/bin/sh: 1: cannot create /usr/share/perl5/Log.pm: Permission denied", True),
        ("mv: cannot move '/usr/bin/a' to '/usr/bin/b': Value too large for defined data type", True),
        ("chmod: changing permissions of '/bin/perl': Operation not permitted", True),
        ("cat: /root/secret: Permission denied", False),
        ("cannot import /usr/lib/x.so", False),
        ("/usr/local/bin/tool: Permission denied", False),
    ],
)
def test_a_step_that_this_machines_files_stopped_is_told_of_another_base(line: str, is_told: bool) -> None:
    assert ("homeport up --base debian" in closed_usr(["before", line])) is is_told


def test_a_step_without_a_shell() -> None:
    asked: list[tuple[str, ...]] = []

    def missing(names: tuple[str, ...]) -> list[str]:
        asked.append(names)
        return []

    check_system_packages(parse(["FROM base", 'RUN ["apt-get", "install", "-y", "git"]']), missing)
    assert asked == [("git",)]


STATUS = """\
Package: git
Status: install ok installed
Version: 1:2.39.5-0+deb12u2
Provides: git-completion, git-core (= 2)
Description: x
 Version: 9

Package: ffmpeg
Status: deinstall ok config-files
Version: 7:5
"""


def test_what_dpkg_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = tmp_path / "status"
    status.write_text(STATUS)
    monkeypatch.setattr(userland, "_STATUS", status)
    monkeypatch.setattr(userland, "_PROGRAMS", {"ffmpeg": ("no-such-program",), "ls-of-other": ("ls",)})
    there = ("git", "git:amd64", "git=1:2.39*", "git-core", "git-completion", "ls-of-other")
    assert userland.missing_packages(there) == []
    absent = ("ffmpeg", "git=1:2.40", "ls-of-other=1")
    assert userland.missing_packages(absent) == list(absent)
