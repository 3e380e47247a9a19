"""Images of a real registry on loopback: pulled once, unpacked as Docker would, built upon, run."""

import asyncio
import json
import tarfile
from collections.abc import Iterator
from importlib import metadata

import pytest

from homeport.model.errors import FailedPreconditionError
from homeport.runtime.userland import architecture
from tests.support.registries import (
    Entry,
    RealRegistry,
    busybox_layer,
    c_library_layer,
    folder,
    link,
    make_image,
    make_index,
    need,
    real_registry,
)
from tests.unit.images.workshop import PRELUDE, SERIES, EndedError, Shop, Workshop

CLIENT = metadata.version("modal")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with real_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="module")
def shell(registry: RealRegistry) -> str:
    """The name of an image with a shell, and no more."""
    config = {
        "Env": ["PATH=/bin:/usr/bin", "MADE=by test"],
        "WorkingDir": "/root",
        "Cmd": ["sh"],
        "User": "root",
    }
    return registry.push(make_image(busybox_layer(), config=config), "test/shell:1")


def test_an_image_is_pulled_once_and_built_upon(
    workshop: Workshop, registry: RealRegistry, shell: str
) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.build(f"FROM {shell}", "RUN echo $MADE in $PWD > /made && id -u >> /made")
        assert "Pulled" in shop.output
        assert await shop.look(image, "cat /made; ls /usr; echo $MADE") == "by test in /root\n0\nbin\nby test"
        view = shop.images.view(image.image_id)
        assert (view.host_usr, view.workdir, view.python) == (False, "/root", "")
        assert "as its registry has it (sha256:" in "\n".join(shop.images.notes(image.image_id))
        made_by = shop.images.record(image.image_id)["layers"]
        assert isinstance(made_by, list)
        assert made_by[-1]["made_by"].startswith(f"pulled as {shell}")
        again = await shop.build(f"FROM {shell}", "RUN echo $MADE in $PWD > /made && id -u >> /made")
        assert again.image_id == image.image_id

    workshop.run(use)


def test_two_builds_at_once_pull_once(workshop: Workshop, registry: RealRegistry) -> None:
    image = make_image(busybox_layer(), [Entry("twice", b"x")])
    name = registry.push(image, "test/twice:1")

    async def use(shop: Shop) -> None:
        other = Shop(shop.workshop, shop.images, shop.db)
        await asyncio.gather(
            shop.build(f"FROM {name}", "RUN echo 1"), other.build(f"FROM {name}", "RUN echo 2")
        )
        outputs = shop.output + other.output
        assert outputs.count("Unpacked layer 2 of 2") in (1, 2)  # both follow the one pull
        kept = {path.name for path in (shop.workshop.home.cache / "registry").iterdir()}
        assert image.digest.removeprefix("sha256:") not in kept

    workshop.run(use)


def test_layers_are_unpacked_as_they_lie_on_each_other(workshop: Workshop, registry: RealRegistry) -> None:
    first = [
        *busybox_layer(),
        folder("keep"),
        Entry("keep/gone", b"1"),
        Entry("keep/stays", b"1"),
        folder("emptied"),
        Entry("emptied/old", b"1"),
        folder("replaced"),
        Entry("replaced/by-file", b"1"),
        Entry("file", b"old"),
        link("way", "keep"),
    ]
    second = [
        Entry("keep/.wh.gone"),
        Entry("emptied/new", b"2"),
        Entry("emptied/.wh..wh..opq"),
        Entry("replaced", b"now a file"),
        Entry("file", b"new"),
        Entry("hard", kind=tarfile.LNKTYPE, link="file"),
        Entry("way/through", b"a link to a folder is gone through"),
        Entry("dev/null", kind=tarfile.CHRTYPE),
        Entry("setuid", b"x", 0o4755),
        Entry("foreign", b"x", uid=4242),
        folder("closed", 0o000),
        Entry("closed/inside", b"x"),
        Entry("pipe", kind=tarfile.FIFOTYPE),
    ]
    name = registry.push(make_image(first, second), "test/layers:1")

    async def use(shop: Shop) -> None:
        image = await shop.build(f"FROM {name}")
        script = "ls keep emptied; cat replaced file hard keep/through; "
        script += "stat -c '%a %u %F' setuid foreign pipe closed"
        assert (await shop.look(image, script)).split("\n") == [
            *("emptied:", "new", "", "keep:", "stays", "through"),
            "now a filenewnewa link to a folder is gone through4755 0 regular file",
            *("644 0 regular file", "644 0 fifo", "700 0 directory"),
        ]
        tree = shop.images.view(image.image_id).layers[-1]
        assert not (tree / "dev").exists() or not list((tree / "dev").iterdir())

    workshop.run(use)


def test_a_list_of_platforms(workshop: Workshop, registry: RealRegistry) -> None:
    ours = make_image(busybox_layer(), [Entry("ours", b"1")])
    other = make_image([Entry("other", b"1")], arch="s390x")
    name = registry.push(make_index(**{architecture(): ours, "s390x": other}), "test/both:1")
    only = registry.push(make_index(s390x=other), "test/other-only:1")

    async def use(shop: Shop) -> None:
        image = await shop.build(f"FROM {name}")
        assert await shop.look(image, "ls /ours") == "/ours"
        with pytest.raises(EndedError, match=r"has no build for this machine \(linux/.*\), only for: s390x"):
            await shop.build(f"FROM {only}")

    workshop.run(use)


def test_copies_from_an_image(workshop: Workshop, registry: RealRegistry) -> None:
    name = registry.push(make_image([Entry("tool", b"#!/bin/sh\necho works\n", 0o755)]), "test/tool:1")

    async def use(shop: Shop) -> None:
        image = await shop.build(
            PRELUDE[0], f"COPY --from={name} /tool /usr/local/bin/tool", "RUN tool > /out"
        )
        assert await shop.look(image, "cat /out") == "works"

    workshop.run(use)


def test_a_moved_tag_is_noticed_when_asked_for(workshop: Workshop, registry: RealRegistry) -> None:
    async def built(shop: Shop, **changes: object) -> str:
        image = await shop.build(f"FROM {registry.address}/test/moving:1", **changes)
        return await shop.look(image, "cat /v")

    async def use(shop: Shop) -> None:
        registry.push(make_image(busybox_layer(), [Entry("v", b"1")]), "test/moving:1")
        assert await built(shop) == "1"
        registry.push(make_image(busybox_layer(), [Entry("v", b"2")]), "test/moving:1")
        assert await built(shop) == "1"
        assert await built(shop, force_build=True) == "2"
        assert await built(shop) == "2"

    workshop.run(use)


def test_user_and_entrypoint_are_kept(workshop: Workshop, registry: RealRegistry) -> None:
    config = {
        "Env": ["PATH=/bin"],
        "User": "app",
        "Entrypoint": ["/bin/env"],
        "Cmd": ["x"],
        "Shell": ["/bin/sh", "-ec"],
    }
    name = registry.push(make_image(busybox_layer(), config=config), "test/config:1")

    async def use(shop: Shop) -> None:
        image = await shop.build(f"FROM {name}", "RUN id -u > /id")
        row = shop.db.one("image_by_id", image_id=image.image_id)
        assert row is not None
        assert (row["user"], json.loads(row["entrypoint"])) == ("app", ["/bin/env"])
        assert json.loads(row["shell"]) == ["/bin/sh", "-ec"]

    workshop.run(use)


def test_add_python(workshop: Workshop, registry: RealRegistry) -> None:
    """A C library and a shell are all that the image has."""
    need("ldd")
    name = registry.push(make_image(busybox_layer(), c_library_layer()), "test/plain:1")
    alpine = registry.push(make_image([*busybox_layer(), Entry("lib/ld-musl-x86_64.so.1")]), "test/alpine:1")

    async def use(shop: Shop) -> None:
        shop.workshop.mounts.pythons["mo-python"] = f"20250101.{SERIES}.99"
        steps = ("COPY /python/. /usr/local", "ENV TERMINFO_DIRS=/etc/terminfo")
        try:
            image = await shop.build(f"FROM {name}", *steps, context_mount_id="mo-python")
        except EndedError as error:
            if "runs in any image, and there is none" in str(error):
                pytest.skip("there is no Python on this machine but its own, and none can be fetched")
            raise
        view = shop.images.view(image.image_id)
        assert view.python == "/usr/local/bin/python"
        assert f"Python {SERIES}.99 was asked for" in "\n".join(shop.images.notes(image.image_id))
        script = "python -c 'import sqlite3, ssl, lzma, sys; print(ssl.OPENSSL_VERSION, sys.prefix)'"
        script += "; pip --version"
        assert "OpenSSL" in (answer := await shop.look(image, script))
        assert "/usr/local" in answer and "pip " in answer
        with pytest.raises(EndedError, match=r"add_python needs .* GNU C library, .* musl \(Alpine\)"):
            await shop.build(f"FROM {alpine}", *steps, context_mount_id="mo-python")
        plain = await shop.build(f"FROM {name}")
        with pytest.raises(FailedPreconditionError, match=r"no `python` on its PATH, .* add_python="):
            await shop.images.client_bundle(plain.image_id, CLIENT)

    workshop.run(use)
