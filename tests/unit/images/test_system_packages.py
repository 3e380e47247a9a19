"""apt steps: the client's own prelude, and others."""

import pytest

from homeport.model.errors import NotServedError
from homeport.plan.instructions import parse
from homeport.plan.system_packages import check_system_packages, is_client_prelude

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


@pytest.mark.parametrize(
    "command",
    [
        "apt-get update",
        "apt-get install -y ffmpeg",
        "apt install ffmpeg",
        "cd / && apt-get -qq -y install ffmpeg",
        "sudo apt-get install ffmpeg",
        "dpkg -i x.deb",
    ],
)
def test_apt_is_refused(command: str) -> None:
    with pytest.raises(NotServedError, match="apt_install"):
        check_system_packages(parse(["FROM base", f"RUN {command}"]))


def test_the_refusal_names_the_packages_and_what_to_do() -> None:
    commands = ["FROM base", "RUN apt-get update", "RUN apt-get install -y ffmpeg git && true"]
    with pytest.raises(NotServedError, match=r"sudo apt-get install ffmpeg git\)"):
        check_system_packages(parse(commands))


@pytest.mark.parametrize(
    "command", ["pip install apt-utils", "which apt-get", "dpkg --print-architecture", "echo adapt install"]
)
def test_what_only_looks_like_apt(command: str) -> None:
    check_system_packages(parse(["FROM base", f"RUN {command}"]))
