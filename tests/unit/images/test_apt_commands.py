"""Which part of a command is apt's."""

import pytest

from homeport.plan.apt_commands import find_apt


@pytest.mark.parametrize(
    ("command", "packages"),
    [
        ("apt-get update", ()),
        ("apt-get install -y --no-install-recommends git ffmpeg", ("git", "ffmpeg")),
        (
            "apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*",
            ("git",),
        ),
        (
            "DEBIAN_FRONTEND=noninteractive apt-get -o A=b install -qq tzdata",
            ("tzdata",),
        ),
        ("sudo -E apt install libgl1:amd64 git=1:2.* > /dev/null 2>&1", ("libgl1:amd64", "git=1:2.*")),
        ("(/usr/bin/apt-get install git || true)", ("git",)),
        ("apt-get install a1 && apt-get install a1 b2; apt-get clean", ("a1", "b2")),
    ],
)
def test_a_command_that_is_apts_alone(command: str, packages: tuple[str, ...]) -> None:
    use = find_apt(command)
    assert use is not None and use.is_understood
    assert (use.packages, use.rest) == (packages, "")


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        ("apt-get update && apt-get install -y curl && curl x | sh", "true && true && curl x | sh"),
        ("make; apt-get install git || exit 3", "make; true || exit 3"),
        ("apt-get install git && echo 'a && b; c' > x", "true && echo 'a && b; c' > x"),
        ("echo a 2>&1 && apt-get install git", "echo a 2>&1 && true"),
        (
            "apt-get install git && rm -rf /var/cache/apt /opt/x",
            "true && rm -rf /var/cache/apt /opt/x",
        ),
    ],
)
def test_the_rest_keeps_what_decides_whether_it_runs(command: str, rest: str) -> None:
    use = find_apt(command)
    assert use is not None and use.is_understood
    assert use.rest.replace("  ", " ") == rest


@pytest.mark.parametrize(
    "command",
    [
        "apt-get upgrade -y",
        "cd / && apt-get purge -y git",
        "dpkg -i x.deb",
        "apt install ./x.deb",
        "apt-get install -y $PACKAGES",
        "apt-get install -y $(cat packages.txt)",
        "apt-get install -y `cat packages.txt`",
        "xargs -a packages.txt apt-get install -y",
        "bash -c 'apt-get install git'",
        "if true; then apt-get install git; fi",
    ],
)
def test_what_cannot_be_told_is_not_understood(command: str) -> None:
    use = find_apt(command)
    assert use is not None and not use.is_understood


@pytest.mark.parametrize(
    "command", ["pip install apt-utils", "which apt-get", "dpkg --print-architecture", "echo adapt install"]
)
def test_what_only_looks_like_apt(command: str) -> None:
    assert find_apt(command) is None
