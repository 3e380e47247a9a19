"""Images that are really built, in real containers, as the user who runs the tests."""

import asyncio
import os
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from homeport.control import image_builds
from homeport.control.images import BUILDING, INTERRUPTED
from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError, NotServedError
from homeport.runtime import launcher
from homeport.runtime.base_tree import describe_userland
from homeport.runtime.sandbox import Sandbox
from tests.support.account import BIN, Account
from tests.unit.images.workshop import PRELUDE, SERIES, EndedError, Shop, Workshop, definition

CLIENT = metadata.version("modal")


def test_the_base_image_says_what_it_is(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image_id = await shop.base()
        notes = "\n".join(shop.images.notes(image_id))
        assert "this machine's userland" in notes
        assert "apt-get install gcc gfortran build-essential: met by this machine's userland" in notes
        image = shop.images.get(image_id)
        assert await shop.look(image, "which python pip uv python3") == "\n".join(
            f"/usr/local/bin/{name}" for name in ("python", "pip", "uv", "python3")
        )

    workshop.run(use)


def test_packages_that_this_machine_has_meet_an_apt_step(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        base = await shop.base()
        image = await shop.derive("RUN apt-get update", "RUN apt-get install -y tar", base=base)
        assert "apt-get install tar: met by this machine's userland\n" in shop.output
        assert shop.images.notes(image.image_id)[-1] == "apt-get install tar: met by this machine's userland"
        assert not any("apt-get install tar" in note for note in shop.images.notes(base))
        assert shop.images.view(image.image_id).layers == shop.images.view(base).layers
        record = shop.images.record(image.image_id)
        assert record["image_id"] == image.image_id
        assert record["notes"] == shop.images.notes(image.image_id)
        assert record["base"] == describe_userland()["PRETTY_NAME"]
        assert await _text(shop, image.image_id, replay=False) == shop.output  # as if it were built still
        shop.db.run("image_ended", image_id=image.image_id, state=1, error="", exit_status=0, finished_at=1.0)
        assert await _text(shop, image.image_id, replay=False) == ""
        assert await _text(shop, image.image_id, replay=True) == shop.output
        again = await shop.derive("RUN apt-get update", "RUN apt-get install -y tar", base=base)
        assert again.image_id == image.image_id

    workshop.run(use)


async def _text(shop: Shop, image_id: str, *, replay: bool) -> str:
    followed = shop.images.follow(image_id, 0, 5, replay=replay)
    return "".join(
        [r.data.decode() async for records in followed if isinstance(records, list) for r in records]
    )


def test_the_rest_of_a_step_with_apt_is_run(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN apt-get update && apt-get install -y tar && tar --version > /opt/tar")
        assert (await shop.look(image, "cat /opt/tar")).startswith("tar (GNU tar)")
        layers = shop.images.record(image.image_id)["layers"]
        assert isinstance(layers, list)
        assert [layer["made_by"].split(" ")[0] for layer in layers] == ["RUN", "Python", "the"]

    workshop.run(use)


def test_a_container_sees_nothing_of_the_machines_packages_and_files(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = shop.images.get(await shop.base())
        assert await shop.look(image, "ls -A /usr/local/etc /home /mnt /usr/lib/python3/dist-packages") == (
            "/home:\n\n/mnt:\n\n/usr/lib/python3/dist-packages:\n\n/usr/local/etc:"
        )
        listed = await shop.look(image, "ls /etc/shadow /etc/ssh /etc/machine-id /etc/sudoers 2>/dev/null")
        assert listed == ""
        assert await shop.look(image, "stat -c '%a %U' /tmp /root / /usr /usr/bin") == (
            "1777 root\n700 root\n755 root\n755 root\n755 root"
        )
        assert await shop.look(image, "find /usr/lib/python3* -name EXTERNALLY-MANAGED") == ""

    workshop.run(use)


def test_system_folders_take_new_files(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive(
            "RUN touch /usr/bin/new /usr/lib/new /usr/share/new /etc/new /opt/new /var/lib/new"
        )
        assert await shop.look(image, "ls /usr/bin/new /opt/new") == "/opt/new\n/usr/bin/new"

    workshop.run(use)


def test_a_second_engine_answers_at_once(workshop: Workshop) -> None:
    commands = ("RUN date +%N > /when",)
    first = workshop.run(lambda shop: shop.derive(*commands))

    async def use(shop: Shop) -> None:
        base = await shop.base()
        image = await shop.images.get_or_create(
            definition("FROM base", *commands, base_images={"base": base})
        )
        assert image == first

    workshop.run(use)


def test_pip_steps_install_and_compile(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN python -m pip install six")
        assert "installed by uv" in shop.output
        site = f"/usr/local/lib/python{SERIES}/site-packages"
        assert await shop.look(image, "python -c 'import six; print(six.__file__)'") == f"{site}/six.py"
        assert ".pyc" in await shop.look(image, f"ls {site}/__pycache__")
        assert image.metadata is not None
        assert b"six" in image.metadata

    workshop.run(use)


@pytest.fixture
def as_in_an_engine(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launchers keep their bytecode, and have done so before the first step."""
    monkeypatch.setattr(launcher, "_bytecode", ["-B"])
    Sandbox(workshop.home)


@pytest.mark.usefixtures("as_in_an_engine")
def test_bytecode_of_packages_comes_from_the_cache_the_second_time(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        await shop.derive("RUN true", "RUN pip install six")
        await shop.derive("RUN : again", "RUN pip install six")
        assert "(1 were compiled before)" in shop.output

    workshop.run(use)


@pytest.mark.usefixtures("as_in_an_engine")
def test_no_step_reaches_what_launchers_run(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        await shop.derive("RUN find /run/homeport -name 'launch*.pyc' > /found; test ! -s /found")
        assert list(workshop.home.cache.rglob("launch.*.pyc"))

    workshop.run(use)


@pytest.mark.parametrize(
    "step",
    [
        "pip install idna==3.6 click",
        "/.uv/uv pip install --python $(command -v python) --compile-bytecode click idna==3.6",
    ],
)
def test_packages_are_hard_links_into_the_cache(workshop: Workshop, step: str) -> None:
    own_uv = ("COPY --from=ghcr.io/astral-sh/uv:latest /uv /.uv/uv",) if step.startswith("/.uv") else ()
    site = f"/usr/local/lib/python{SERIES}/site-packages"

    async def use(shop: Shop) -> None:
        image = await shop.derive(*own_uv, f"RUN {step}")
        found = await shop.look(
            image,
            f"cd {site}/idna && stat -c %h core.py __pycache__/core.*.pyc && "
            "python -v -c 'import idna.core' 2>&1 | grep -c 'core.*pyc matches' && "
            "echo 1/0 >> core.py",
        )
        links, compiled, matches = map(int, found.split("\n"))
        assert links >= 2
        assert compiled >= 2
        assert matches == 1
        layer = shop.images.view(image.image_id).layers[0]
        assert {str(path.relative_to(layer)) for path in layer.glob("*/*/*")} == {"usr/local/lib"}
        # nothing that a container writes reaches the cache, or the next image
        again = await shop.derive(*own_uv, "ENV A=1", f"RUN {step}")
        assert "were compiled before)" in shop.output
        assert await shop.look(again, "python -c 'import idna.core, click; print(idna.__version__)'") == "3.6"

        # what lower layers have counts, and stays as it is or is replaced whole
        kept = await shop.derive(*own_uv, f"RUN {step}", "RUN pip install idna six")
        assert "by copying" not in shop.output
        assert await shop.look(kept, "python -c 'import idna, six; print(idna.__version__)'") == "3.6"
        newer = await shop.derive(*own_uv, f"RUN {step}", "RUN pip install idna==3.7 six")
        assert "(it replaces what is installed: once more, by copying)" in shop.output
        names = await shop.look(
            newer, f"python -c 'import idna.core, six; print(idna.__version__)'; ls {site}"
        )
        assert names.split("\n")[0] == "3.7"
        assert [name for name in names.split("\n") if name.startswith("idna")] == [
            "idna",
            "idna-3.7.dist-info",
        ]

    workshop.run(use)
    assert not list((workshop.home.cache / "packages").glob("tmp-*"))


def test_packages_of_a_virtual_environment_are_linked_into_it(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive(
            "RUN uv venv /opt/venv",
            "ENV PATH=/opt/venv/bin:$PATH",
            "RUN python -m pip install idna==3.6 markdown-it-py==3.0.0",
        )
        assert "by copying" not in shop.output
        found = await shop.look(
            image,
            "python -c 'import idna; print(idna.__file__)'; stat -c %h /opt/venv/lib/python*/*/idna/core.py; "
            "head -1 /opt/venv/bin/markdown-it; markdown-it --version",
        )
        place, links, shebang, version = found.split("\n")
        assert place == f"/opt/venv/lib/python{SERIES}/site-packages/idna/__init__.py"
        assert int(links) >= 2
        assert shebang == "#!/opt/venv/bin/python"
        assert "3.0.0" in version

    workshop.run(use)


def test_an_installation_that_fails_is_tried_once(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        with pytest.raises(EndedError, match="exit status 1: RUN pip install idna==0"):
            await shop.derive("RUN pip install idna==0")
        assert shop.output.count("No solution found") == 1

    workshop.run(use)


def test_what_a_killed_engine_left_of_an_installation_goes_at_the_next_start(workshop: Workshop) -> None:
    left = workshop.home.cache / "packages/tmp-1/making"
    left.mkdir(parents=True)

    async def use(shop: Shop) -> None:
        assert not left.parent.exists()

    workshop.run(use)


def test_pip_itself_runs_where_a_step_is_more(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN pip install six && echo done")
        assert "Successfully installed six" in shop.output
        assert await shop.look(image, "python -c 'import six; print(1)'") == "1"

    workshop.run(use)


def test_requirements_come_as_context_files(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive(
            "COPY /.requirements.txt /.requirements.txt",
            "RUN python -m pip install -r /.requirements.txt",
            context_files={"/.requirements.txt": b"six\n"},
        )
        assert await shop.look(image, "python -c 'import six; print(1)'") == "1"

    workshop.run(use)


def test_the_clients_own_uv_step(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive(
            "COPY --from=ghcr.io/astral-sh/uv:latest /uv /.uv/uv",
            "RUN /.uv/uv pip install --python $(command -v python) --compile-bytecode six",
            "COPY --from=ghcr.io/astral-sh/uv:latest /uv /.uv/another",
        )
        assert (await shop.look(image, "ls /.uv")).split() == ["another", "uv"]
        assert int(await shop.look(image, "stat -c %h /.uv/uv")) >= 2, "it is on the disk once"
        assert (
            await shop.look(image, "python -c 'import six; print(1)'; /.uv/uv --version | cut -c1-3")
            == "1\nuv"
        )

    workshop.run(use)


def test_uvs_system_python_installs_where_python_looks(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN uv pip install --system six")
        assert await shop.look(image, "python -c 'import six; print(1)'") == "1"

    workshop.run(use)


def test_env_workdir_and_shell_reach_steps_and_containers(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive(
            "ENV A='x y' P=/opt:$PATH",
            "WORKDIR /w/$NOTHING/deep",
            'SHELL ["/bin/bash", "-c"]',
            "RUN [[ $A == 'x y' ]] && pwd",
        )
        assert "\n/w/deep\n" in shop.output
        view = shop.images.view(image.image_id)
        assert view.workdir == "/w/deep"
        assert view.env["A"] == "x y"
        assert view.env["P"].startswith("/opt:/usr/local/bin:")
        assert shop.images.env_origins(image.image_id)["A"] == "ENV A='x y' P=/opt:$PATH"
        assert await shop.look(image, "pwd; ls -d /w/deep") == "/w/deep\n/w/deep"
        derived = await shop.derive("RUN [[ -d $PWD ]] && pwd", base=image.image_id)
        assert shop.images.view(derived.image_id).env == view.env

    workshop.run(use)


def test_nothing_of_the_engines_environment_reaches_a_step(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BGB_LIMIT_FILES", "50")

    async def use(shop: Shop) -> None:
        await shop.derive("RUN echo limit=$BGB_LIMIT_FILES; env")
        assert "limit=\n" in shop.output

    workshop.run(use)


def test_build_arguments(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("ARG V=1", "RUN echo v=$V > /v", build_args={"V": "9", "X": "unused"})
        assert await shop.look(image, "cat /v; echo $V") == "v=9"
        assert any("X" in note for note in shop.images.notes(image.image_id))

    workshop.run(use)


def test_a_secrets_values_are_in_the_steps_environment_only(workshop: Workshop) -> None:
    workshop.secrets.known = {"st-1": {"TOKEN": "hunter2"}}

    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN echo ${#TOKEN} > /length", secret_ids=("st-1",))
        assert await shop.look(image, "cat /length; echo $TOKEN") == "7"
        workshop.secrets.known["st-1"]["TOKEN"] = "another"
        again = await shop.derive("RUN echo ${#TOKEN} > /length", secret_ids=("st-1",))
        assert again.image_id == image.image_id

    workshop.run(use)
    for file in (workshop.home.database, *workshop.home.logs.iterdir()):
        assert b"hunter2" not in file.read_bytes()


def test_a_changed_file_rebuilds_what_copies_it_and_what_follows(workshop: Workshop, tmp_path: Path) -> None:
    tree = tmp_path / "context"
    (tree / "data").mkdir(parents=True)
    (tree / "data/a.txt").write_text("one")
    (tree / "other.txt").write_text("kept")
    workshop.mounts.trees = {"mo-1": tree, "mo-2": tree}
    commands = ("RUN date +%N > /before", "COPY other.txt /o", "COPY data /d", "RUN date +%N > /after")

    async def both(shop: Shop, mount_id: str) -> tuple[str, str, str]:
        image = await shop.derive(*commands, context_mount_id=mount_id)
        before, data, after = (await shop.look(image, "cat /before /d/a.txt; echo; cat /after")).split()
        return before[:9], before[9:] + data, after

    first = workshop.run(lambda shop: both(shop, "mo-1"))
    assert workshop.run(lambda shop: both(shop, "mo-1")) == first
    (tree / "data/a.txt").write_text("two")

    async def again(shop: Shop) -> tuple[str, str, str]:
        result = await both(shop, "mo-2")
        assert shop.output.count("as built before") == 2
        return result

    second = workshop.run(again)
    assert second[0] == first[0]
    assert second[2] != first[2]


def test_copies_land_as_with_docker(workshop: Workshop, tmp_path: Path) -> None:
    tree = tmp_path / "context"
    (tree / "src/deep").mkdir(parents=True)
    (tree / "src/deep/x.py").write_text("x")
    (tree / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "b.txt").write_text("b")
    workshop.mounts.trees = {"mo-c": tree}

    async def use(shop: Shop) -> None:
        image = await shop.derive(
            "WORKDIR /w",
            "COPY src /app",  # what the folder holds, not the folder
            "COPY src sub/src/",
            "COPY run.sh b.txt /files/",
            "COPY *.txt here.txt",
            "COPY b.txt /bin/",  # through the link /bin
            "COPY --chmod=600 b.txt /private",
            "COPY ../../b.txt /clamped",
            context_mount_id="mo-c",
        )
        command = (
            "cd /; find app w files -type f | sort; /files/run.sh; ls usr/bin/b.txt; "
            "stat -c %a private tmp root; cat clamped"
        )
        assert (await shop.look(image, command)).splitlines() == [
            *("app/deep/x.py", "files/b.txt", "files/run.sh", "w/here.txt", "w/sub/src/deep/x.py"),
            *("ran", "usr/bin/b.txt", "600", "1777", "700", "b"),
        ]

    workshop.run(use)


def test_copy_dot_merges_into_the_root(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "m/root").mkdir(parents=True)
    (tmp_path / "m/root/app.py").write_text("1")
    workshop.mounts.trees = {"mo-r": tmp_path / "m"}

    async def use(shop: Shop) -> None:
        image = await shop.derive("COPY . /", context_mount_id="mo-r")
        assert await shop.look(image, "ls /root; stat -c %a / /root; echo ok > /tmp/x && cat /tmp/x") == (
            "app.py\n755\n700\nok"
        )

    workshop.run(use)


def test_a_missing_file_is_named(workshop: Workshop, tmp_path: Path) -> None:
    workshop.mounts.trees = {"mo-e": tmp_path}

    async def use(shop: Shop) -> None:
        with pytest.raises(InvalidError, match=r"'nope\.txt'"):
            await shop.derive("COPY nope.txt /x", context_mount_id="mo-e")

    workshop.run(use)


def test_a_failing_step_is_told_and_leaves_nothing(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        base = await shop.base()
        layers = workshop.layers()
        steps = ("RUN echo kept > /k", "RUN touch /half; seq 30; echo why >&2; exit 7")
        with pytest.raises(EndedError) as failure:
            await shop.derive(*steps, base=base)
        message = str(failure.value)
        assert message.startswith("Step 2 of the image ended with exit status 7: RUN touch /half; seq 30;")
        assert message.endswith("29\n30\nwhy")
        assert "\n10\n" not in message
        assert "why" in shop.output
        assert len(workshop.layers() - layers) == 1  # of step 1
        assert not list(workshop.home.layers.glob("tmp-*"))
        # tried again, step 1 is there
        with pytest.raises(EndedError):
            await shop.derive(*steps, base=base)
        assert shop.output.count("as built before") == 1

    workshop.run(use)


def test_a_step_that_two_images_share_runs_once(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        base = await shop.base()
        shared = "RUN sleep 0.5; date +%N > /shared"
        images = await asyncio.gather(
            *(
                shop.images.get_or_create(
                    definition("FROM base", shared, f"RUN echo {n} > /n", base_images={"base": base})
                )
                for n in range(3)
            )
        )
        ended = [await shop.wait(image.image_id) for image in images]
        stamps = {await shop.look(image, "cat /shared") for image in ended}
        assert len(stamps) == 1

    workshop.run(use)


def test_the_same_image_asked_for_twice_at_once_is_one_build(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        wanted = definition("FROM base", "RUN sleep 0.3", base_images={"base": await shop.base()})
        first, second = await asyncio.gather(
            shop.images.get_or_create(wanted), shop.images.get_or_create(wanted)
        )
        assert first.image_id == second.image_id
        await shop.wait(first.image_id)

    workshop.run(use)


def test_force_build_runs_again_and_takes_the_place(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        step = "RUN date +%N > /forced"
        first = await shop.derive(step)
        forced = await shop.derive(step, force_build=True)
        later = await shop.derive(step)
        stamps = [await shop.look(image, "cat /forced") for image in (first, forced, later)]
        assert stamps[0] != stamps[1] == stamps[2]

    workshop.run(use)


def test_ignore_cache_runs_again_and_takes_no_place(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        step = "RUN date +%N > /ignored"
        first = await shop.derive(step)
        ignoring = await shop.derive(step, ignore_cache=True)
        later = await shop.derive(step)
        stamps = [await shop.look(image, "cat /ignored") for image in (first, ignoring, later)]
        assert stamps[0] == stamps[2] != stamps[1]

    workshop.run(use)


def test_output_comes_while_the_step_runs(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.images.get_or_create(
            definition("FROM base", "RUN echo early; sleep 30", base_images={"base": await shop.base()})
        )
        assert image.state == BUILDING
        text = ""
        async for event in shop.images.follow(image.image_id, 0, 20, replay=False):
            assert isinstance(event, list)
            text += "".join(record.data.decode() for record in event)
            if "early\n" in text.split("sleep 30\n")[-1]:
                break
        with pytest.raises(FailedPreconditionError, match="not built"):
            shop.images.view(image.image_id)

    workshop.run(use)  # its end stops the build


def test_an_engine_that_ends_stops_its_builds_and_says_so(workshop: Workshop) -> None:
    async def begin(shop: Shop) -> str:
        wanted = definition("FROM base", "RUN sleep 30; echo x", base_images={"base": await shop.base()})
        image = await shop.images.get_or_create(wanted)
        await asyncio.sleep(0.3)
        return image.image_id

    image_id = workshop.run(begin)
    assert not list(workshop.home.layers.glob("tmp-*"))

    async def after(shop: Shop) -> int:
        return (await shop.wait(image_id)).state

    assert workshop.run(after) == INTERRUPTED


def test_a_build_ends_with_its_last_client(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_builds, "_ABANDONED_S", 0.2)

    async def check(shop: Shop) -> None:
        wanted = definition("FROM base", "RUN sleep 60; echo y", base_images={"base": await shop.base()})
        image = await shop.images.get_or_create(wanted)
        first, second = (asyncio.create_task(shop.wait(image.image_id)) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        await asyncio.sleep(0.5)
        assert shop.images.get(image.image_id).state == BUILDING  # the second client still follows it
        second.cancel()
        build = shop.images._builds.get(image.image_id)
        assert build is not None
        await asyncio.wait([build.task], timeout=10)
        assert "clients that asked for this image were stopped" in shop.images.get(image.image_id).error

    before = workshop.layers()
    workshop.run(check)
    assert workshop.layers() == before
    assert not [path for path in workshop.home.layers.iterdir() if path.name.startswith("tmp-")]


def test_what_a_killed_engine_left_is_swept(workshop: Workshop) -> None:
    async def kill(shop: Shop) -> str:
        await shop.base()
        shop.db.run(
            "add_image",
            image_id="im-killed",
            definition=b"",
            builder_version="2025.06",
            build_function_id="",
            app_id="",
            created_at=0,
        )
        half = workshop.home.layers / "tmp-half/tree"
        half.mkdir(parents=True)
        (half / "file").write_text("half")
        (half.parent / "tree.work").mkdir(mode=0)
        return "im-killed"

    image_id = workshop.run(kill)

    async def after(shop: Shop) -> None:
        assert shop.images.get(image_id).state == INTERRUPTED
        assert not list(workshop.home.layers.glob("tmp-*"))

    workshop.run(after)


def test_a_log_is_read_on_from_where_a_client_stood(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN echo one; echo two > /log-test")
        whole = ""
        offset = 0
        async for event in shop.images.follow(image.image_id, 0, 5, replay=True):
            if isinstance(event, list):
                whole = "".join(record.data.decode() for record in event)
                offset = event[0].end
        rest = ""
        async for event in shop.images.follow(image.image_id, offset, 5, replay=True):
            if isinstance(event, list):
                rest = "".join(record.data.decode() for record in event)
        assert rest
        assert whole.endswith(rest)
        assert whole != rest

    workshop.run(use)


@pytest.mark.parametrize(
    ("commands", "changes", "name"),
    [
        ((*PRELUDE[:1], "ONBUILD RUN x"), {}, "ONBUILD"),
        (PRELUDE, {"builder_version": "2023.12"}, "2023.12"),
    ],
)
def test_what_is_not_served_is_refused_before_anything_runs(
    workshop: Workshop, commands: tuple[str, ...], changes: dict[str, str], name: str
) -> None:
    async def use(shop: Shop) -> None:
        with pytest.raises(NotServedError, match=name):
            await shop.images.get_or_create(definition(*commands, **changes))

    workshop.run(use)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("RUN apt-get install -y no-such-package", "sudo apt-get install no-such-package"),
        ("RUN apt-get upgrade", "userland only, which `RUN apt-get upgrade` would change"),
    ],
)
def test_where_only_this_machines_userland_may_be_a_base(
    workshop: Workshop, step: str, sentence: str
) -> None:
    async def use(shop: Shop) -> None:
        with pytest.raises(NotServedError, match=sentence):
            await shop.images.get_or_create(definition(PRELUDE[0], step))

    workshop.run(use, base="host")


def test_that_owners_were_emulated_is_noted_once(workshop: Workshop) -> None:
    """Also of a layer that was made for another image."""

    async def use(shop: Shop) -> None:
        steps = ("RUN touch /given; chown 7:7 /given", "RUN chown 8 /given")
        for image in (await shop.derive(*steps), await shop.derive(*steps, "ENV A=1")):
            notes = [note for note in shop.images.notes(image.image_id) if "chown" in note]
            assert notes == ["chown to other users was emulated: all files are the image's root's"]
        untouched = await shop.derive("RUN touch /mine; chown root:root /mine")
        assert not any("chown" in note for note in shop.images.notes(untouched.image_id))

    workshop.run(use)


def test_an_unknown_image(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        with pytest.raises(NotFoundError, match="im-none"):
            shop.images.view("im-none")
        with pytest.raises(NotFoundError, match="im-none"):
            await shop.derive("RUN x", base="im-none")

    workshop.run(use)


def test_the_client_starts_in_a_container(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN true")
        bundle = await shop.images.client_bundle(image.image_id, CLIENT)
        command = "python -B -c 'import modal._container_entrypoint, aiohttp; print(aiohttp.__file__)'"
        assert "/__modal/deps/aiohttp/" in await shop.look(image, command, *bundle)
        found = await shop.look(
            image, "find /pkg /__modal -name '*.py' ! -path '*/__pycache__/*' | head -500", *bundle
        )
        assert "/__modal/homeport/entry.py" in found

    workshop.run(use)


def test_an_images_own_packages_win_over_the_clients(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN pip install attrs idna")
        bundle = await shop.images.client_bundle(image.image_id, CLIENT)
        command = (
            "python -c 'import attrs, idna, modal; print(attrs.__file__, idna.__file__, modal.__file__)'"
        )
        attrs, idna, modal = (await shop.look(image, command, *bundle)).split()
        assert attrs.startswith("/usr/local/lib/")
        assert idna.startswith("/usr/local/lib/")
        assert modal.startswith("/pkg/")

    workshop.run(use)


def test_layers_hold_nothing_of_the_machine(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN pip install six && cat /etc/hosts > /dev/null")
        top = shop.images.view(image.image_id).layers[0]
        files = [path for path in top.rglob("*") if "site-packages" not in str(path)]
        assert not [path for path in files if path.name in ("resolv.conf", "hosts", "wheels", "homeport")]
        if os.geteuid() == 0:
            assert top.stat().st_uid != 0

    workshop.run(use)


@pytest.mark.slow
def test_builds_of_an_ordinary_user(ordinary: Account) -> None:
    """A user whom this machine gives nothing, with a home of its own."""
    home = ordinary.make_folder(ordinary.base / "images")
    script = Path(__file__).with_name("workshop.py")
    environment = {**ordinary.environment(), "PYTHONPATH": str(script.parents[3])}
    launched = ordinary.launch([BIN / "python", script, home], ordinary.base)
    done = subprocess.run(**launched, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "0",
        "mine",
        f"/usr/local/lib/python{SERIES}/site-packages/six.py",
        "modal._container_entrypoint",
    ], done.stderr
