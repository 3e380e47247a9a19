"""What Dockerfiles make of a container: COPY as Docker copies, stages, variables, the client's context."""

from pathlib import Path

import pytest

from homeport.check.facts import Container, FoundModule, MissingModule, Placed
from homeport.check.values import Unknown
from tests.unit.check.test_filesystem import World, resolve, step


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for name in ("data/a.txt", "data/b.csv", "data/deep/c.txt", "src/m.py", "src/pkg/__init__.py", "r.txt"):
        world.write(name)
    world.write("r.txt", "pyyaml\n")
    return world


def files(container: Container) -> list[str]:
    return sorted(str(placed.path) for placed in container.below("/") if placed.origin == "add_local")


def built(world: World, *lines: str, **options: object) -> Container:
    return world.container(step("dockerfile_commands", lines, **options))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("COPY data /d",), ["/d/a.txt", "/d/b.csv", "/d/deep/c.txt"]),
        (("COPY data/a.txt /d",), ["/d"]),
        (("COPY data/a.txt /d/",), ["/d/a.txt"]),
        (("COPY data/a.txt data/b.csv /d",), ["/d/a.txt", "/d/b.csv"]),
        (("COPY data/*.csv /d/",), ["/d/b.csv"]),
        (("WORKDIR /w", "COPY data/a.txt .", "COPY data/b.csv ./x/"), ["/w/a.txt", "/w/x/b.csv"]),
        (("ENV D=/e", "COPY --chown=1:1 data/a.txt $D/"), ["/e/a.txt"]),
        (("COPY [\"data/a.txt\", \"/d/\"]",), ["/d/a.txt"]),
        (("COPY nothing /d/",), []),
    ],
)  # fmt: skip
def test_copy(world: World, lines: tuple[str, ...], expected: list[str]) -> None:
    assert files(built(world, *lines)) == expected


def test_dockerignore_and_ignore(world: World) -> None:
    world.write(".dockerignore", "**/*.csv\n")
    assert files(built(world, "COPY data /d")) == ["/d/a.txt", "/d/deep/c.txt"]
    assert files(built(world, "COPY data /d", ignore=("data/deep",))) == ["/d/a.txt", "/d/b.csv"]
    assert files(built(world, "COPY data/b.csv /d/")) == []


def test_what_other_images_give_is_not_known(world: World) -> None:
    container = built(world, "COPY --from=golang:1 /go /go", "ADD https://x.example/a /a")
    assert isinstance(container.at("/go/bin"), Unknown)
    assert isinstance(container.at("/a"), Unknown)
    assert container.at("/b") is None


def test_packages_of_a_file_that_was_copied(world: World) -> None:
    container = built(world, "COPY r.txt /tmp/r.txt", "RUN pip install -r /tmp/r.txt")
    assert isinstance(resolve(container, "yaml"), FoundModule)
    assert isinstance(resolve(container, "numpy"), MissingModule)


def test_a_dockerfile_with_stages(world: World) -> None:
    world.write(
        "Dockerfile",
        """
        ARG SERIES=3.12
        FROM golang:1.22 AS build
        RUN go build -o /out/tool
        FROM python:${SERIES}-slim AS base
        ENV MODE=fast
        RUN pip install pyyaml
        FROM base
        WORKDIR /app
        COPY --from=build /out/tool /usr/local/bin/tool
        COPY src ./
        """,
    )
    container = world.based(step("from_dockerfile", "Dockerfile"))
    assert container.python_version == "3.12"
    assert container.workdir == "/app"
    assert container.environment["MODE"][0] == "fast"
    assert isinstance(container.at("/app/m.py"), Placed)
    assert container.at("/app/x") is None
    assert isinstance(resolve(container, "yaml"), FoundModule)
    assert isinstance(resolve(container, "numpy"), MissingModule)


def test_a_python_added_to_a_dockerfile_sees_its_own_packages_only(world: World) -> None:
    world.write("Dockerfile", "FROM nvidia/cuda:12.4.0-devel-ubuntu22.04\nRUN pip install pyyaml\n")
    container = world.based(step("from_dockerfile", "Dockerfile", add_python="3.11"))
    assert container.python_version == "3.11"
    assert isinstance(resolve(container, "yaml"), MissingModule)


@pytest.mark.parametrize("text", [None, "RUN x\n", "FROM\n", "FROM python:3.11\nCOPY --x=y a b\n"])
def test_a_dockerfile_that_cannot_be_read_leaves_everything_open(world: World, text: str | None) -> None:
    if text is not None:
        world.write("Dockerfile", text)
    container = world.based(step("from_dockerfile", "Dockerfile"))
    assert isinstance(container.at("/x"), Unknown)
